// One call of libc each, named by the first argument; the others are its paths. Exit 0 whatever the call answers, so that a case
// can ask for what is not there; `calls same` exits 1 if an answer differs from the one that is right.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <unistd.h>
#include <utime.h>
#include <wordexp.h>

extern char **environ;
static char *a, *b;
static struct stat facts;
static char text[8192];

static int visit(const char *path, const struct stat *s, int flag) { return (void)path, (void)s, (void)flag, 0; }
static int visit_deep(const char *path, const struct stat *s, int flag, struct FTW *ftw) {
    return (void)path, (void)s, (void)flag, (void)ftw, 0;
}
static void reap(int pid) { waitpid(pid, NULL, 0); }
static char *cat[] = {"cat", NULL, NULL};
static char *nothing[] = {NULL};

static void in_child(void (*act)(void)) {
    int pid = fork();
    if (pid == 0) {
        act();
        _exit(3);
    }
    reap(pid);
}
static void c_execl(void) { execl("/bin/cat", "cat", a, (char *)NULL); }
static void c_execlp(void) { execlp("cat", "cat", a, (char *)NULL); }
static void c_execle(void) { execle("/bin/cat", "cat", a, (char *)NULL, nothing); }
static void c_execv(void) { execv("/bin/cat", cat); }
static void c_execvp(void) { execvp("cat", cat); }
static void c_execvpe(void) { execvpe("cat", cat, nothing); }
static void c_execve_null(void) { execve("/bin/cat", cat, NULL); }
static void c_fexecve(void) { fexecve(open("/bin/cat", O_RDONLY), cat, nothing); }
static void c_execveat(void) { syscall(SYS_execveat, open("/bin", O_RDONLY | O_DIRECTORY), "cat", cat, nothing, 0); }
static void c_execve_raw(void) { syscall(SYS_execve, "/bin/cat", cat, nothing); }
static void c_exit(void) { _exit(0); }
static void c_exec_missing(void) { execve(a, cat, nothing); }
static void c_read(void) { close(open(a, O_RDONLY)); }

static void c_vfork(void) {
    int pid = vfork();
    if (pid == 0) {
        execle("/bin/cat", "cat", a, (char *)NULL, nothing);
        _exit(9);
    }
    reap(pid);
    close(open(a, O_RDONLY));
}
static void c_vfork_path(void) {
    int pid = vfork();
    if (pid == 0) {
        execve("/nowhere/cat", cat, nothing);
        execve("/bin/cat", cat, nothing);
        _exit(9);
    }
    reap(pid);
}
static void c_seccomp(void) {
    struct sock_filter allow[] = {{BPF_RET, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog program = {1, allow};
    close(open(a, O_RDONLY));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    close(open(b, O_RDONLY));
}
// A filter that kills for getcwd, getpid and readlinkat: the program itself never makes these calls.
static void c_seccomp_kill(void) {
    struct sock_filter filter[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_getcwd},
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_getpid},
        {BPF_RET, 0, 0, SECCOMP_RET_ALLOW},
        {BPF_RET, 0, 0, SECCOMP_RET_KILL_PROCESS},
    };
    struct sock_fprog program = {5, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    if (stat("a.txt", &facts) != 0) _exit(7);
}
static void c_daemon(void) {
    int done[2];
    if (pipe(done)) exit(7);
    int pid = fork();
    if (pid == 0) {
        setsid();
        if (fork()) _exit(0);
        for (int i = 0; i < 1000; i++) {
            if (i != done[1]) close(i);
        }
        close(open(a, O_RDONLY));
        _exit(0);
    }
    close(done[1]);
    reap(pid);
    if (read(done[0], text, 1) < 0) exit(7);
}
static void c_libc_daemon(void) {
    int done[2];
    if (pipe(done)) exit(7);
    int pid = fork();
    if (pid == 0) {
        if (daemon(1, 1)) _exit(7);
        close(open(a, O_RDONLY));
        _exit(0);
    }
    close(done[1]);
    reap(pid);
    if (read(done[0], text, 1) < 0) exit(7);
}
static void c_forkpty(void) {
    int master;
    int pid = forkpty(&master, NULL, NULL, NULL);
    if (pid == 0) c_read(), _exit(0);
    reap(pid);
}
static void c_raw_fork(void) {
    int pid = (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) c_read(), _exit(0);
    reap(pid);
}
static void c_waits(void) {
    siginfo_t info;
    int status;
    struct rusage usage;
    for (int i = 0; i < 5; i++) {
        int pid = fork();
        if (pid == 0) _exit(0);
        if (i == 0) waitid(P_PID, pid, &info, WEXITED | WNOWAIT), waitid(P_PID, pid, &info, WEXITED);
        if (i == 1) wait(&status);
        if (i == 2) waitpid(pid, NULL, 0);
        if (i == 3) wait3(&status, 0, &usage);
        if (i == 4) wait4(pid, &status, 0, &usage);
    }
}
static void c_fd_reuse(void) {
    // The same number for a folder in another place, with an inode number that is given again at once.
    mkdir("one", 0777), close(open("one/x", O_CREAT | O_RDONLY, 0666));
    int fd = open("one", O_RDONLY | O_DIRECTORY);
    fstatat(fd, "x", &facts, 0);
    close(fd), unlink("one/x"), rmdir("one");
    mkdir("two", 0777), close(open("two/x", O_CREAT | O_RDONLY, 0666));
    fd = open("two", O_RDONLY | O_DIRECTORY);
    fstatat(fd, "y", &facts, 0);
    close(fd);
}
static void c_renamed_folder(void) {
    mkdir("one", 0777);
    int fd = open("one", O_RDONLY | O_DIRECTORY);
    fstatat(fd, "x", &facts, 0);
    rename("one", "two");
    fstatat(fd, "y", &facts, 0);
}

static void *waits_for_ever(void *argument) {
    (void)argument;
    return (void *)(long)open("pipe", O_RDONLY);
}
static void c_cancel(void) {
    // A thread that is cancelled inside a call is unwound through the hook.
    pthread_t thread;
    void *result;
    mkfifo("pipe", 0666);
    pthread_create(&thread, NULL, waits_for_ever, NULL);
    usleep(20000);
    pthread_cancel(thread), pthread_join(thread, &result);
    if (result != PTHREAD_CANCELED) exit(1);
}
static void c_deep(void) {
    // Deeper than one path can say.
    char name[251] = {0};
    memset(name, 'd', 250);
    for (int i = 0; i < 20; i++) {
        if (mkdir(name, 0777) || chdir(name)) exit(1);
    }
    close(open("new.txt", O_CREAT | O_WRONLY, 0666));
}

static volatile sig_atomic_t storms;
static void storm(int number) {
    struct stat mine;
    int before = errno;
    stat("sub/b.txt", &mine);
    errno = before;
    storms += number != 0;
}
static const char *folder;
static int wrong;
static void *writer(void *argument) {
    long id = (long)argument;
    for (int i = 0; i < 20000; i++) {
        char name[256];
        struct stat mine;
        snprintf(name, sizeof name, "%s/t%ld/%d", folder, id, i);
        errno = 77;
        if (stat(name, &mine) != -1 || errno != ENOENT) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
        errno = 77;
        if (i % 100 == 0 && (access("a.txt", R_OK) != 0 || errno != 77)) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}
static void write_from_threads(void) {
    pthread_t threads[8];
    for (long i = 0; i < 8; i++) pthread_create(&threads[i], NULL, writer, (void *)i);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
}
static void c_storm(void) {
    struct itimerval often = {{0, 500}, {0, 500}};
    folder = a;
    signal(SIGALRM, storm);
    setitimer(ITIMER_REAL, &often, NULL);
    write_from_threads();
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    if (wrong) exit(1);
    printf("%d\n", (int)storms);
}
static void c_until_killed(void) {
    folder = a;
    puts("started"), fflush(stdout);
    for (;;) write_from_threads();
}
static void c_system_threads_environment(void) {
    // What setenv changes while a shell runs is still there afterwards, and nothing of the tracer's is.
    system("cat a.txt >/dev/null");
    setenv("KEPT", "1", 1);
    system("cat sub/b.txt >/dev/null");
    if (!getenv("KEPT") || getenv("LD_PRELOAD") || getenv("TITER_TRACE")) exit(1);
}
static void c_small_stack(void) {
    // What a signal handler on a small stack of its own may use.
    stack_t small = {malloc(16384), 0, 16384};
    struct sigaction act = {.sa_handler = storm, .sa_flags = SA_ONSTACK};
    sigaltstack(&small, NULL), sigaction(SIGUSR1, &act, NULL);
    raise(SIGUSR1);
}
static void c_little_memory(void) {
    struct rlimit little = {40 << 20, 40 << 20};
    setrlimit(RLIMIT_AS, &little);
    execv("/bin/cat", cat);
}
static void c_posix_spawn_open(void) {
    posix_spawn_file_actions_t actions;
    int pid;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, a, O_RDONLY, 0);
    char *words[] = {"cat", NULL};
    posix_spawn(&pid, "/bin/cat", &actions, NULL, words, nothing), reap(pid);
}

#define CALL(name, ...) if (!strcmp(which, #name)) { __VA_ARGS__; return 0; }
#define FLAGS(name, flags) CALL(open_##name, close(open(a, flags, 0666)))
int main(int count, char **words) {
    const char *which = count > 1 ? words[1] : "";
    int pid, at = AT_FDCWD;
    a = cat[1] = count > 2 ? words[2] : NULL;
    b = count > 3 ? words[3] : NULL;
    if (b && !strncmp(which, "at_", 3)) at = open(a, O_RDONLY | O_DIRECTORY);
    FLAGS(read, O_RDONLY) FLAGS(write, O_WRONLY) FLAGS(append, O_WRONLY | O_APPEND) FLAGS(both, O_RDWR)
    FLAGS(truncate, O_RDWR | O_TRUNC) FLAGS(new, O_RDWR | O_CREAT | O_EXCL) FLAGS(path, O_PATH) FLAGS(nameless, O_TMPFILE | O_RDWR)
    FLAGS(folder, O_RDONLY | O_DIRECTORY)
    CALL(creat, close(creat(a, 0666)))
    CALL(open_2, int (*f)(const char *, int) = dlsym(RTLD_DEFAULT, "__open64_2"); close(f(a, O_RDONLY)))
    CALL(fopen, FILE *f = fopen(a, b); if (f) fclose(f))
    CALL(freopen, FILE *f = freopen(a, "r", stdin); if (f) fclose(f))
    CALL(xstat, int (*f)(int, const char *, void *) = dlsym(RTLD_DEFAULT, "__xstat"); f(1, a, &facts))
    CALL(fxstatat, int (*f)(int, int, const char *, void *, int) = dlsym(RTLD_DEFAULT, "__fxstatat64"); f(1, AT_FDCWD, a, &facts, 0))
    CALL(statx, struct statx big; statx(AT_FDCWD, a, 0, STATX_ALL, &big))
    CALL(euidaccess, if (euidaccess(a, R_OK) && !errno) return 1)
    CALL(realpath, free(realpath(a, NULL)))
    CALL(canonicalize, free(canonicalize_file_name(a)))
    CALL(at_stat, fstatat(at, b, &facts, 0))
    CALL(at_open, close(openat(at, b, O_RDONLY)))
    CALL(at_access, if (faccessat(at, b, R_OK, 0) && !errno) return 1)
    CALL(at_faccessat2, syscall(439, at, b, R_OK, 0))
    CALL(at_readlink, if (readlinkat(at, b, text, sizeof text) < -1) return 1)
    CALL(at_mkdir, mkdirat(at, b, 0777))
    CALL(at_unlink, unlinkat(at, b, 0))
    CALL(sys_open, close(syscall(SYS_openat, AT_FDCWD, a, O_RDONLY)))
    CALL(sys_openat2, unsigned long how[3] = {O_RDONLY}; close(syscall(437, AT_FDCWD, a, how, sizeof how)))
    CALL(sys_statx, struct statx big; syscall(SYS_statx, AT_FDCWD, a, 0, STATX_ALL, &big))
    CALL(sys_readlink, syscall(SYS_readlinkat, AT_FDCWD, a, text, sizeof text))
    CALL(sys_getdents, int fd = open(a, O_RDONLY | O_DIRECTORY); syscall(SYS_getdents64, fd, text, sizeof text))
    CALL(getdents, int fd = open(a, O_RDONLY | O_DIRECTORY); if (getdents64(fd, text, sizeof text) < 0) return 1)
    CALL(io_uring, char ring[256] = {0}; long fd = syscall(425, 4, ring); return !(fd == -1 && errno == ENOSYS))
    CALL(opendir, DIR *d = opendir(a); if (d) closedir(d))
    CALL(fdopendir, closedir(fdopendir(open(a, O_RDONLY | O_DIRECTORY))))
    CALL(scandir, struct dirent **list; scandir(a, &list, NULL, alphasort))
    CALL(glob, glob_t g; glob(a, GLOB_BRACE, NULL, &g))
    CALL(ftw, ftw(a, visit, 5))
    CALL(nftw, nftw(a, visit_deep, 5, FTW_PHYS))
    CALL(fts, char *list[] = {a, NULL}; FTS *f = fts_open(list, FTS_PHYSICAL, NULL); while (fts_read(f)) {} fts_close(f))
    CALL(wordexp, wordexp_t w; wordexp(a, &w, 0))
    CALL(chmod, chmod(a, 0644)) CALL(utime, utime(a, NULL)) CALL(pathconf, pathconf(a, _PC_NAME_MAX))
    CALL(getxattr, getxattr(a, "user.x", text, sizeof text)) CALL(truncate, if (truncate(a, 1)) return 0)
    CALL(mkdir, mkdir(a, 0777)) CALL(rmdir, rmdir(a)) CALL(unlink, unlink(a)) CALL(remove, remove(a))
    CALL(rename, rename(a, b)) CALL(link, if (link(a, b)) return 0) CALL(symlink, if (symlink(a, b)) return 0)
    CALL(mkstemp, char t[] = "tmpXXXXXX"; close(mkstemp(t)); rename(t, "tmp"))
    CALL(chdir, if (chdir(a)) return 0; close(open(b, O_RDONLY)))
    CALL(dlopen, dlopen(a, RTLD_NOW))
    CALL(fork_dlopen, pid = fork(); if (!pid) { dlopen(a, RTLD_NOW); _exit(0); } reap(pid))
    CALL(dlopen_fork, dlopen(realpath(a, NULL), RTLD_NOW); if (access(b, F_OK)) return 1; in_child(c_exit))
    CALL(execl, in_child(c_execl)) CALL(execlp, in_child(c_execlp)) CALL(execle, in_child(c_execle)) CALL(execv, in_child(c_execv))
    CALL(execvp, in_child(c_execvp)) CALL(execvpe, in_child(c_execvpe)) CALL(execve_null, in_child(c_execve_null))
    CALL(fexecve, in_child(c_fexecve)) CALL(execveat, in_child(c_execveat)) CALL(sys_execve, in_child(c_execve_raw))
    CALL(exec_missing, in_child(c_exec_missing)) CALL(little_memory, in_child(c_little_memory))
    CALL(posix_spawn, posix_spawn(&pid, "/bin/cat", NULL, NULL, cat, nothing); reap(pid))
    CALL(posix_spawnp, posix_spawnp(&pid, "cat", NULL, NULL, cat, nothing); reap(pid))
    CALL(posix_spawn_missing, if (!posix_spawn(&pid, a, NULL, NULL, cat, nothing)) return 1)
    CALL(posix_spawn_open, c_posix_spawn_open())
    CALL(spawn_other, char *list[] = {a, NULL}; posix_spawn(&pid, a, NULL, NULL, list, environ); reap(pid))
    CALL(system, if (system(a)) return 1) CALL(popen, FILE *f = popen(a, "r"); while (fgets(text, sizeof text, f)) {} pclose(f))
    CALL(system_environment, c_system_threads_environment())
    CALL(vfork, c_vfork()) CALL(vfork_path, c_vfork_path()) CALL(fork, in_child(c_read)) CALL(daemon, c_daemon())
    CALL(libc_daemon, c_libc_daemon()) CALL(forkpty, c_forkpty()) CALL(raw_fork, c_raw_fork()) CALL(waits, c_waits())
    CALL(exit_raw, c_read(); _exit(0)) CALL(exit_quick, quick_exit(0)) CALL(exit_C, _Exit(0)) CALL(exit_group, syscall(SYS_exit_group, 0))
    CALL(killed, raise(SIGKILL)) CALL(seccomp, c_seccomp()) CALL(seccomp_kill, c_seccomp_kill())
    CALL(chroot, if (chroot(a)) return 1; close(open(b, O_RDONLY))) CALL(fd_reuse, c_fd_reuse()) CALL(deep, c_deep()) CALL(cancel, c_cancel()) CALL(renamed, c_renamed_folder())
    CALL(storm, c_storm()) CALL(until_killed, c_until_killed()) CALL(small_stack, c_small_stack())
    CALL(window, int was = access(a, F_OK); c_read(); close(open(b, O_RDONLY)); return was)
    CALL(bad_pointer, if (open((char *)8, O_RDONLY) != -1 || errno != EFAULT || stat((char *)8, &facts) != -1) return 1)
    fprintf(stderr, "calls: %s?\n", which);
    return 2;
}
