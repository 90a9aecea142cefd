//! The sandbox (`bridges/sandbox`): programs that try to get out of it, in each kind that this machine has.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, and it starts programs"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use titer::bridges::sandbox::{Cage, Ended, Held, Means, Sandbox, keys_below};

const TITER: &str = env!("CARGO_BIN_EXE_titer");
const GIGABYTE: u64 = 1 << 30;

fn means() -> Means {
    let titer = PathBuf::from(TITER);
    Means { titer, path: std::env::var_os("PATH"), libraries: std::env::var_os("LD_LIBRARY_PATH") }
}

/// Each kind that holds here. A machine that has none has said why, and nothing is run on it.
fn sandboxes() -> Vec<Sandbox> {
    let made = [Held::Landlock, Held::Bubblewrap].map(|held| (held, Sandbox::of(held, &means())));
    let mut sandboxes = Vec::new();
    for (held, made) in made {
        match made {
            Ok(sandbox) => sandboxes.push(sandbox),
            Err(why) => eprintln!("not tested: {held:?}: {why}"),
        }
    }
    sandboxes
}

/// A folder to write in, and what lies beside it.
struct Place {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    hidden: Vec<PathBuf>,
    seconds: u64,
    memory_bytes: u64,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        Self { folder, environment, hidden: Vec::new(), seconds: 60, memory_bytes: 2 * GIGABYTE }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, sandbox: &Sandbox, program: &Path, arguments: &[&str]) -> Ended {
        self.try_run(sandbox, program, arguments).unwrap()
    }

    fn try_run(&self, sandbox: &Sandbox, program: &Path, arguments: &[&str]) -> std::io::Result<Ended> {
        let inner = self.beside("in");
        let Self { environment, hidden, seconds, memory_bytes, .. } = self;
        let (writable, folder, seconds, memory_bytes) = (inner.as_path(), inner.as_path(), *seconds, *memory_bytes);
        let cage = Cage { writable, folder, hidden, seconds, memory_bytes, environment };
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        sandbox.run(&cage, program, &arguments)
    }

    fn python(&self, sandbox: &Sandbox, code: &str) -> Ended {
        self.run(sandbox, &python(), &["-c", code])
    }
}

/// The interpreter itself: what stands on PATH may be a script that looks for it.
fn python() -> PathBuf {
    let said = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    PathBuf::from(String::from_utf8(said.stdout).unwrap().trim())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

/// A program outside, ended with the test.
struct Outside(Child);

impl Outside {
    fn sleeping() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether any process of the machine has this word on its command line.
fn runs(word: &str) -> bool {
    let lines = fs::read_dir("/proc").unwrap().flatten().map(|entry| fs::read(entry.path().join("cmdline")));
    lines.flatten().any(|line| String::from_utf8_lossy(&line).contains(word))
}

/// Ways out, in Python; each raises an error where it is closed. The second says whether it is open without a sandbox.
fn ways_out(
    place: &Place,
    (tcp, udp): (u16, u16),
    victim: u32,
    left_open: (i32, i32),
) -> Vec<(&'static str, String, bool)> {
    let beside = |name: &str| place.beside(name).display().to_string();
    let (file, socket, key) = (beside("file"), beside("socket"), beside("keys/key"));
    let (netrc, name) = (beside("netrc"), beside("name"));
    let home = std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned());
    let here = env!("CARGO_MANIFEST_DIR");
    let mark = format!("titer-sandbox-{}", std::process::id());
    let touch = |folder: &str| {
        format!("import os; p = '{folder}/{mark}'; os.close(os.open(p, os.O_CREAT | os.O_WRONLY)); os.unlink(p)")
    };
    let folder = left_open.0;
    let trace = "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nif l.ptrace(16, 1, 0, 0): raise OSError(ctypes.get_errno())";
    let mount = "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nif l.mount(b'none', b'/mnt', b'tmpfs', 0, None): raise OSError(ctypes.get_errno())";
    let more = "import ctypes\nl = ctypes.CDLL(None, use_errno=True)\nif l.unshare(0x10020000) or l.mount(b'none', b'/', None, 32|4096, None): raise OSError(ctypes.get_errno())";
    vec![
        ("connect by TCP", format!("import socket; socket.create_connection(('127.0.0.1', {tcp}), 2)"), true),
        ("speak by UDP", format!("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.1', {udp})); s.settimeout(2); s.send(b'x'); s.send(b'x'); s.recv(1)"), true),
        ("resolve a name", "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 53))".to_owned(), true),
        ("connect to an abstract socket", format!("import socket; socket.socket(socket.AF_UNIX).connect('\\0{mark}')"), true),
        ("connect to a socket by path", format!("import socket; socket.socket(socket.AF_UNIX).connect('{socket}')"), true),
        ("write beside its folder", touch(&place.folder.path().display().to_string()), true),
        ("write through ..", touch(".."), true),
        ("write to /tmp", touch("/tmp"), true),
        ("write to the home", touch(&home), true),
        ("write to the repository", touch(here), true),
        ("append to a file", format!("open('{file}', 'a').write('x')"), true),
        ("truncate a file", format!("import os; os.truncate('{file}', 0)"), true),
        ("rename a file", format!("import os; os.rename('{file}', '{file}.2'); os.rename('{file}.2', '{file}')"), true),
        ("link a file into its folder", format!("import os; os.link('{file}', 'link'); os.unlink('link')"), true),
        ("change a mode", format!("import os; os.chmod('{file}', 0o600)"), true),
        ("change a time", format!("import os; os.utime('{file}', (1, 1))"), true),
        ("change an attribute", format!("import os; os.setxattr('{file}', 'user.a', b'1')"), false),
        ("change the mode of a device", "import os; os.chmod('/dev/null', 0o666)".to_owned(), false),
        ("write to a file left open", format!("import os; os.write({}, b'x')", left_open.1), true),
        ("write through a folder left open", format!("import os; os.close(os.open('{mark}', os.O_CREAT | os.O_WRONLY, dir_fd={folder})); os.unlink('{mark}', dir_fd={folder})"), true),
        ("see a process", format!("import os; os.stat('/proc/{victim}/cmdline'); assert b'sleep' in open('/proc/{victim}/cmdline', 'rb').read()"), true),
        ("stop a process", format!("import os; os.kill({victim}, 19); os.kill({victim}, 18); assert b'sleep' in open('/proc/{victim}/cmdline', 'rb').read()"), true),
        ("stop all", "import os; os.kill(-1, 9)".to_owned(), false),
        ("end its first process", "import os, time; os.kill(1, 9); os.kill(1, 11); time.sleep(0.1); raise OSError('still here')".to_owned(), false),
        ("trace its first process", trace.to_owned(), false),
        ("read a key", format!("assert open('{key}').read()"), true),
        ("find a key", format!("import os; os.stat('{key}')"), true),
        ("read a file of keys", format!("assert open('{netrc}').read()"), true),
        ("read keys by another name", format!("assert open('{name}').read()"), true),
        ("read a raw device", "import os, glob; [os.open(d, os.O_RDONLY) for d in glob.glob('/dev/[vs]d[a-z]') + glob.glob('/dev/nvme*') + ['/dev/kmsg']]".to_owned(), false),
        ("mount", mount.to_owned(), false),
        ("make the tree writable", more.to_owned(), false),
        ("change the kernel", "open('/proc/sys/kernel/hostname', 'w').write('x')".to_owned(), false),
        ("have a terminal", "open('/dev/tty', 'w').write('x')".to_owned(), false),
    ]
}

#[test]
fn nothing_outside_can_be_reached_changed_or_signalled() {
    let mut place = Place::new();
    for (name, words) in [("file", "a"), ("netrc", "secret"), ("keys/key", "secret")] {
        fs::create_dir_all(place.beside("keys")).unwrap();
        fs::write(place.beside(name), words).unwrap();
    }
    std::os::unix::fs::symlink("keys/key", place.beside("name")).unwrap();
    place.hidden = ["keys", "netrc", "absent"].map(|name| place.beside(name)).to_vec();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let echo = udp.try_clone().unwrap();
    thread::spawn(move || {
        let mut one = [0];
        while let Ok((_, from)) = echo.recv_from(&mut one) {
            let _ = echo.send_to(&one, from);
        }
    });
    let _path = UnixListener::bind(place.beside("socket")).unwrap();
    let name = format!("titer-sandbox-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
    let victim = Outside::sleeping();
    let left_open = fs::File::open(place.folder.path()).unwrap();
    let file_left_open = fs::File::options().append(true).open(place.beside("file")).unwrap();
    for open in [&left_open, &file_left_open] {
        fcntl(open, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    }
    let ports = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
    let ways = ways_out(&place, ports, victim.0.id(), (left_open.as_raw_fd(), file_left_open.as_raw_fd()));
    let closed = |code: &str| {
        format!("try:\n exec({code:?})\nexcept Exception as e:\n print(type(e).__name__)\nelse:\n print('out')")
    };
    let mut wrong = Vec::new();
    for sandbox in sandboxes() {
        for (what, code, _) in &ways {
            let ended = place.python(&sandbox, &closed(code));
            let said = text(&ended.stdout);
            if ended.code != Some(0) || said == "out" || !said.ends_with("Error") && !said.ends_with("timeout") {
                wrong.push(format!("{:?}: {what}: {said} {}", sandbox.held(), text(&ended.stderr)));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(fs::read_to_string(place.beside("file")).unwrap(), "a");
    assert!(!place.beside("in/link").exists());
    // Else a mistake in the code of a way would look like a wall.
    for (what, code, _) in ways.iter().filter(|(_, _, open)| *open) {
        let done = Command::new(python()).args(["-c", &closed(code)]).current_dir(place.beside("in")).output().unwrap();
        let route = *what == "resolve a name" && text(&done.stdout) == "OSError";
        assert!(text(&done.stdout) == "out" || route, "{what}: {}{}", text(&done.stdout), text(&done.stderr));
    }
}

#[test]
fn what_a_test_may_do_it_can_do() {
    let may = [
        (
            "write in its folder",
            "import os; os.makedirs('a/b'); open('a/b/c', 'w').write('x'); os.rename('a/b/c', 'a/d'); os.symlink('d', 'a/e'); os.chmod('a/d', 0o755); print(open('a/e').read())",
            "x",
        ),
        ("throw away", "open('/dev/null', 'w').write('x'); print(len(open('/dev/zero', 'rb').read(3)))", "3"),
        ("have no input", "import sys; print(repr(sys.stdin.read()))", "''"),
        (
            "start programs and threads",
            "import subprocess, threading; t = threading.Thread(target=lambda: print(subprocess.check_output('echo a; (echo b)', shell=True))); t.start(); t.join()",
            r"b'a\nb\n'",
        ),
        (
            "share memory and locks",
            "import multiprocessing as m\nq = m.get_context('fork').Queue(); p = m.get_context('fork').Process(target=q.put, args=(7,)); p.start(); print(q.get()); p.join()",
            "7",
        ),
        (
            "ask a server of its own",
            "import socket; s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); a, _ = s.accept(); a.send(b'hi'); print(c.recv(2))",
            "b'hi'",
        ),
        (
            "have sockets of its own",
            "import socket; s = socket.socket(socket.AF_UNIX); s.bind('s'); s.listen(); socket.socket(socket.AF_UNIX).connect('s'); print(1)",
            "1",
        ),
        (
            "kill what it has started",
            "import subprocess; p = subprocess.Popen(['sleep', '60']); p.kill(); print(p.wait())",
            "-9",
        ),
        ("read the system", "import ssl, sqlite3, json; print(len(open('/etc/passwd').read()) > 0)", "True"),
        (
            "have no privilege",
            "print([l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')])",
            "['1']",
        ),
    ];
    for sandbox in sandboxes() {
        let place = Place::new();
        for (what, code, expected) in may {
            let ended = place.python(&sandbox, code);
            assert_eq!(text(&ended.stdout), expected, "{:?}: {what}: {}", sandbox.held(), text(&ended.stderr));
        }
        let who = place.python(&sandbox, "import os; print(os.getuid(), os.getgid(), os.getcwd())");
        let folder = place.beside("in").canonicalize().unwrap();
        let expected = format!("{} {} {}", nix::unistd::getuid(), nix::unistd::getgid(), folder.display());
        assert_eq!(text(&who.stdout), expected);
        assert_eq!(fs::read_to_string(place.beside("in/a/d")).unwrap(), "x");
    }
}

#[test]
fn a_command_has_the_variables_it_is_given_and_no_other() {
    let mut place = Place::new();
    place.environment.insert("ODD".to_owned(), "a 'b'\n\"c\"=d".to_owned());
    for sandbox in sandboxes() {
        let ended = place.run(&sandbox, Path::new("/usr/bin/env"), &["-0"]);
        assert_eq!(text(&ended.stdout), "ODD=a 'b'\n\"c\"=d\0PATH=/usr/bin:/bin\0".trim(), "{}", text(&ended.stderr));
        // Nor those of processes around it.
        let all = "import glob\nfor f in glob.glob('/proc/[0-9]*/environ'):\n  try: print(open(f).read())\n  except OSError: pass";
        let ended = place.python(&sandbox, all);
        assert!(!text(&ended.stdout).contains("CARGO"), "{}", text(&ended.stdout));
    }
}

#[test]
fn at_the_end_of_the_time_nothing_is_left_whatever_it_did_to_get_away() {
    for sandbox in sandboxes() {
        let mut place = Place::new();
        place.seconds = 2;
        let mark = place.folder.path().file_name().unwrap().to_str().unwrap();
        let code = format!(
            "import os, signal, sys, time\nfor s in (1, 2, 3, 15): signal.signal(s, signal.SIG_IGN)\nprint('here', flush=True)\n\
             if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    for n in range(3): os.close(n)\n    \
             os.execv('/bin/sh', ['sh', '-c', 'sleep 600; : {mark}'])\n  os._exit(0)\ntime.sleep(600)"
        );
        let ended = place.python(&sandbox, &code);
        assert!(!runs(mark), "{:?}", sandbox.held());
        assert!(ended.timed_out && ended.code.is_none() && ended.signal == Some(9), "{ended:?}");
        assert!((2.0..4.0).contains(&ended.seconds), "{}", ended.seconds);
        assert_eq!(text(&ended.stdout), "here");
    }
}

#[test]
fn what_outlives_the_command_dies_with_it() {
    for sandbox in sandboxes() {
        let place = Place::new();
        let mark = place.folder.path().file_name().unwrap().to_str().unwrap();
        let line = format!("setsid sh -c 'sleep 600; : {mark}' & sleep 0.2; exit 4");
        let ended = place.run(&sandbox, Path::new("/bin/sh"), &["-c", &line]);
        assert!(!runs(mark), "{:?}", sandbox.held());
        assert_eq!((ended.code, ended.timed_out), (Some(4), false));
        assert!(ended.seconds < 20.0, "{}", ended.seconds);
    }
}

/// Not a test: what the next one starts and kills.
#[test]
#[ignore = "started by another test"]
fn a_titer_that_is_killed() {
    let Ok(mark) = std::env::var("MARK") else { return };
    let held =
        if std::env::var("KIND").is_ok_and(|kind| kind == "Landlock") { Held::Landlock } else { Held::Bubblewrap };
    let place = Place::new();
    let line = format!("setsid sh -c 'sleep 600; : {mark}' & echo; sleep 600; : {mark}");
    place.run(&Sandbox::of(held, &means()).unwrap(), Path::new("/bin/sh"), &["-c", &line]);
}

#[test]
fn nothing_is_left_of_a_sandbox_whose_titer_is_killed() {
    for sandbox in sandboxes() {
        let mark = format!("mark-{}-{:?}", std::process::id(), sandbox.held());
        let mut titer = Command::new(std::env::current_exe().unwrap());
        titer.args(["--ignored", "--exact", "a_titer_that_is_killed"]).env("MARK", &mark).stdout(Stdio::null());
        let mut titer = titer.env("KIND", format!("{:?}", sandbox.held())).spawn().unwrap();
        let wait = |there: bool| {
            let start = Instant::now();
            while runs(&mark) != there && start.elapsed() < Duration::from_secs(30) {
                thread::sleep(Duration::from_millis(20));
            }
            runs(&mark)
        };
        assert!(wait(true));
        titer.kill().unwrap();
        titer.wait().unwrap();
        assert!(!wait(false), "{:?}", sandbox.held());
    }
}

#[test]
fn memory_time_of_the_processor_and_files_have_bounds() {
    let bounded = [
        ("memory", "try: bytearray(3 << 30)\nexcept MemoryError: print('held')"),
        ("shared memory", "import mmap\ntry: mmap.mmap(-1, 3 << 30)\nexcept OSError: print('held')"),
        ("a file", "try:\n  with open('big', 'wb') as f: f.truncate(1 << 40)\nexcept OSError: print('held')"),
        ("cores", "import resource; print('held' if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else 'not')"),
        ("time", "import resource; print('held' if resource.getrlimit(resource.RLIMIT_CPU)[1] > 0 else 'not')"),
        (
            "lifting a bound",
            "import resource\ntry: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nexcept (OSError, ValueError): print('held')",
        ),
    ];
    for sandbox in sandboxes() {
        let place = Place::new();
        for (what, code) in bounded {
            let ended = place.python(&sandbox, code);
            assert_eq!(text(&ended.stdout), "held", "{:?}: {what}: {}", sandbox.held(), text(&ended.stderr));
        }
        let eater = place.python(&sandbox, "a = []\nwhile True: a.append(bytearray(1 << 20))");
        assert!(text(&eater.stderr).ends_with("MemoryError") && eater.code == Some(1), "{eater:?}");
    }
}

#[test]
fn much_output_neither_stops_the_command_nor_fills_memory() {
    for sandbox in sandboxes() {
        let place = Place::new();
        let code = "import sys\nfor n in range(50): sys.stdout.write('o' * (1 << 20)); sys.stderr.write('e' * (1 << 20))\nprint('end')";
        let ended = place.python(&sandbox, code);
        assert_eq!(ended.code, Some(0));
        assert!(ended.stdout.len() < 300 << 10 && ended.stderr.len() < 300 << 10);
        assert!(ended.stdout.starts_with(b"ooo") && ended.stdout.ends_with(b"end\n"));
    }
}

#[test]
fn codes_and_signals_come_back_as_they_were() {
    let ends = [
        ("exit 0", Some(0), None),
        ("exit 3", Some(3), None),
        ("exit 137", Some(137), None),
        ("exit 255", Some(255), None),
        ("kill -TERM $$", None, Some(15)),
        ("kill -KILL $$", None, Some(9)),
        ("kill -ABRT $$", None, Some(6)),
        ("kill -SEGV $$", None, Some(11)),
    ];
    for sandbox in sandboxes() {
        let place = Place::new();
        for (line, code, signal) in ends {
            let ended = place.run(&sandbox, Path::new("/bin/sh"), &["-c", line]);
            assert_eq!((ended.code, ended.signal, ended.timed_out), (code, signal, false), "{line}");
        }
    }
}

#[test]
fn a_command_that_is_not_there_or_a_folder_that_cannot_be_written_is_an_error_and_no_result() {
    for sandbox in sandboxes() {
        let place = Place::new();
        let why = place.try_run(&sandbox, Path::new("/no/such"), &[]).unwrap_err().to_string();
        assert!(why.starts_with("/no/such: No such file"), "{why}");
        let environment = BTreeMap::new();
        for writable in ["/", "/dev", "/no/such"].map(Path::new) {
            let folder = place.folder.path();
            let cage =
                Cage { writable, folder, hidden: &[], seconds: 5, memory_bytes: GIGABYTE, environment: &environment };
            assert!(sandbox.run(&cage, Path::new("/bin/true"), &[]).is_err(), "{}", writable.display());
        }
    }
}

#[test]
fn where_nothing_holds_a_sentence_says_why_and_what_helps() {
    let mut means = means();
    means.titer = PathBuf::from("/bin/false");
    means.path = Some("/no/such".into());
    let why = Sandbox::find(&means).unwrap_err();
    assert!(why.contains("`bwrap` is not on PATH") && why.contains("Landlock: ") && !why.contains('\n'), "{why}");
    assert!(why.contains("install bubblewrap") || why.contains("sysctl"), "{why}");
    assert!(keys_below(Path::new("/home/a")).contains(&PathBuf::from("/home/a/.ssh")));
}

#[test]
fn the_verb_that_titer_starts_itself_with_is_no_users() {
    let help = Command::new(TITER).arg("--help").output().unwrap();
    assert!(!text(&help.stdout).contains("cage"));
    let mut alone =
        Command::new(TITER).args(["cage", "odd"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    alone.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(alone.wait().unwrap().code(), Some(2), "{said}");
}
