#!/usr/bin/env python3
"""Captures what the real SDKs send: starts each program of this folder over ../project against a listener, keeps the bodies in ../captured.

    python3 testdata/sightings/capture/capture.py [/srv/shop]

The folder is where the project is copied to and run, so that no path of the machine gets into the files; it is deleted before and after.
It must be one that can be made. Needs pip, npm and cargo; without one of them the captures of its language stay as they are.
"""

import http.server
import json
import pathlib
import platform
import shutil
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
CAPTURED = HERE.parent / "captured"
PLACE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/srv/shop")


class Listener(http.server.BaseHTTPRequestHandler):
    bodies = []
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append((self.path, self.headers.get("Content-Type", ""), body))
        answer = b"{}" if "json" in self.headers.get("Content-Type", "") or "envelope" in self.path else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def keep(name, command, folder, environment=None):
    """Runs a program; its bodies become NAME-1.KIND, NAME-2.KIND, …"""
    Listener.bodies.clear()
    subprocess.run(command, cwd=folder, check=True, env=environment)
    for old in CAPTURED.glob(f"{name}-*"):
        old.unlink()
    for number, (path, kind, body) in enumerate(Listener.bodies, 1):
        ending = "envelope" if "envelope" in path else "pb" if "protobuf" in kind else "json"
        part = "" if "envelope" in path else "-traces" if "traces" in path else "-logs"
        # The machine's kernel is nobody's business; as long as before, since envelopes say how long they are.
        kernel = platform.release().encode()
        body = body.replace(kernel, b"6.1.0".ljust(len(kernel), b"0"))
        (CAPTURED / f"{name}{part}-{number}.{ending}").write_bytes(body)
    print(f"{name}: {len(Listener.bodies)} bodies", file=sys.stderr)


def main():
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(HERE.parent / "project", PLACE)
    CAPTURED.mkdir(exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    dsn = f"http://public@127.0.0.1:{server.server_port}/1"
    clean = {"PATH": subprocess.os.environ["PATH"], "HOME": subprocess.os.environ["HOME"], "PYTHONPATH": str(PLACE)}
    try:
        # An interpreter in its usual place: names of its own library's files are in the stacks.
        usual = [path for path in ("/usr/bin/python3", "/usr/local/bin/python3") if pathlib.Path(path).exists()]
        subprocess.run([*(usual or [sys.executable])[:1], "-m", "venv", PLACE / "venv"], check=True)
        for program in ("sentry_python.py", "otel_python.py"):
            shutil.copy(HERE / program, PLACE)
        python = PLACE / "venv/bin/python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True)
        keep("sentry-python", [python, "sentry_python.py", dsn], PLACE, clean)
        keep("otel-python", [python, "otel_python.py", url], PLACE, clean)
        if shutil.which("npm"):
            shutil.copy(HERE / "package.json", PLACE)
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=PLACE, check=True)
            for program in ("sentry_node.cjs", "otel_node.cjs"):
                shutil.copy(HERE / program, PLACE)
            keep("sentry-node", ["node", "sentry_node.cjs", dsn], PLACE, clean)
            keep("otel-node", ["node", "otel_node.cjs", url], PLACE, clean)
        if shutil.which("cargo"):
            home = subprocess.os.environ.get("CARGO_HOME") or subprocess.os.environ["HOME"] + "/.cargo"
            flags = {"RUSTFLAGS": f"--remap-path-prefix={home}=/usr/local/cargo", "CARGO_HOME": home}
            for name, profile in (("sentry-rust", "release"), ("sentry-rust-stripped", "stripped")):
                # Without line tables, as a release build is by itself.
                extra = ["--config", 'profile.release.debug="none"'] if profile == "stripped" else []
                build = ["cargo", "build", "--quiet", "--release", "--manifest-path", PLACE / "rust/Cargo.toml", *extra]
                subprocess.run(build, check=True, env=clean | flags)
                keep(name, [PLACE / "rust/target/release/shop", dsn], PLACE, clean)
    finally:
        server.shutdown()
        shutil.rmtree(PLACE, ignore_errors=True)
    print(json.dumps(sorted(path.name for path in CAPTURED.iterdir()), indent=1))


main()
