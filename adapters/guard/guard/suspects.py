"""What no guard should hold: secrets, names of one machine, the clock, the network, waiting, processes, writing, code made at run time."""

import ast
import re

_SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[A-Za-z0-9_-]{20,}|[sr]k_(live|test)_[A-Za-z0-9]{16,}|"
    r"AIza[0-9A-Za-z_-]{30,}|eyJ[\w-]{8,}\.[\w-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|glpat-[\w-]{16,}|npm_[A-Za-z0-9]{30,}|"
    r"\b(bearer|basic) +[A-Za-z0-9+/=._~-]{12,}|://[^/\s:@]+:[^/\s:@]{3,}@",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"pass(wd|word|phrase)?$|secret|token|api_?key|private_?key|access_?key|auth(orization)?$|credential|cookie|session_?(id|key)$|csrf|^dsn$|cvv",
    re.IGNORECASE,
)
_CARD = re.compile(r"\b[0-9](?:[ -]?[0-9]){12,18}\b")
_ABSOLUTE = re.compile(
    r"(?<![\w:/.<])/(home|Users|root|tmp|var|etc|usr|opt|srv|mnt|private|workspace|builds?|data)/[\w.@-]|^[A-Za-z]:\\[\w.]|^~/|^file:///"
)
_PLAIN = ("", "x", "***", "password", "secret", "token", "test", "example", "dummy")
_CLOCK = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.strftime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}
_NETWORK = (
    "socket",
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "http.client",
    "urllib.request",
    "ftplib",
    "smtplib",
    "telnetlib",
    "paramiko",
    "websockets",
    "xmlrpc.client",
    "imaplib",
    "poplib",
    "grpc",
    "boto3",
)
_PROCESS = ("subprocess", "multiprocessing", "pty")
_PROCESS_CALLS = re.compile(r"os\.(system|popen|fork|forkpty|exec\w*|spawn\w*|posix_spawn\w*|kill|killpg)$|asyncio\.create_subprocess_\w+$|ctypes\.")
_SLEEP = ("time.sleep", "asyncio.sleep", "trio.sleep", "anyio.sleep", "gevent.sleep")
_DYNAMIC = ("eval", "exec", "compile", "__import__")
_DYNAMIC_CALLS = re.compile(
    r"(pickle|marshal|dill|cloudpickle|shelve)\.(loads?|open)$|importlib\.(import_module|reload|__import__)$|runpy\.|builtins\.(eval|exec|compile|__import__)$|"
    r"types\.(FunctionType|CodeType)$|code\.Interactive"
)
_WRITES = re.compile(
    r"os\.(remove|unlink|rename|replace|rmdir|removedirs|mkdir|makedirs|symlink|link|chmod|chown|truncate|utime|chdir|putenv|write)$|"
    r"shutil\.(copy\w*|move|rmtree|make_archive|unpack_archive)$"
)
_WRITING_METHODS = ("write_text", "write_bytes", "touch", "unlink", "rmdir", "symlink_to", "hardlink_to")
_TEMPORARY = ("tmp_path", "tmpdir", "tmp_path_factory", "tmpdir_factory")


def dotted(tree):
    """`a.b.c` of a name or attribute; what is called on something else keeps its last parts."""
    parts = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    if isinstance(tree, ast.Name):
        parts.append(tree.id)
    elif isinstance(tree, ast.Call):
        parts.append(dotted(tree.func))
    return ".".join(part for part in reversed(parts) if part)


def root_of(tree):
    """The name that attributes, items and calls begin at."""
    while isinstance(tree, (ast.Attribute, ast.Subscript, ast.Call)):
        tree = tree.func if isinstance(tree, ast.Call) else tree.value
    return tree.id if isinstance(tree, ast.Name) else None


def of(tree, imported):
    """Criterion, rule, node and sentence of each finding."""
    for one in ast.walk(tree):
        if isinstance(one, (ast.Import, ast.ImportFrom)):
            yield from _import(one)
        elif isinstance(one, ast.Call):
            yield from _call(one, imported)
        elif isinstance(one, ast.Constant) and isinstance(one.value, (str, bytes)):
            yield from _text(one)
        elif isinstance(one, ast.Name) and one.id in _DYNAMIC and isinstance(one.ctx, ast.Load) and one.id not in imported:
            yield "hygiene", "dynamic-code", one, f"{one.id} runs code that is made at run time"
        yield from _named(one)


def _import(node):
    names = (
        [one.name for one in node.names]
        if isinstance(node, ast.Import)
        else [node.module or "", *(f"{node.module}.{one.name}" for one in node.names)]
    )
    for name in names:
        if any(name == one or name.startswith(one + ".") for one in _NETWORK):
            yield "hygiene", "network", node, f"{name} is for the network"
        if any(name == one or name.startswith(one + ".") for one in _PROCESS):
            yield "hygiene", "process", node, f"{name} starts processes"


def _call(node, imported):
    name = dotted(node.func)
    head, _, rest = name.partition(".")
    whole = imported.get(head, head) + ("." + rest if rest else "")
    last = name.rpartition(".")[2]
    if whole in _CLOCK or (whole.startswith("datetime.") and last in ("now", "utcnow", "today")):
        yield "hygiene", "wall-clock", node, f"{name} is another value at each run"
    if whole in _SLEEP or (last == "sleep" and rest):
        yield "hygiene", "sleep", node, f"{name} waits"
    if _PROCESS_CALLS.match(whole):
        yield "hygiene", "process", node, f"{name} starts or ends a process"
    if _DYNAMIC_CALLS.match(whole):
        yield "hygiene", "dynamic-code", node, f"{name} runs code that is made at run time"
    if _WRITES.match(whole):
        yield "hygiene", "writes-file", node, f"{name} changes files"
    if whole in ("open", "io.open", "codecs.open", "os.open") or (last == "open" and rest):
        mode = next(
            (
                one.value
                for one in [
                    *node.args[0 if whole not in ("open", "io.open", "codecs.open", "os.open") else 1 :],
                    *(one.value for one in node.keywords if one.arg == "mode"),
                ]
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ),
            "",
        )
        unknown = whole == "os.open" or (len(node.args) > 1 and not mode)
        if (set(mode) & set("wax+") or unknown) and not _is_temporary(node):
            yield "hygiene", "writes-file", node, f"{name} writes a file"
    if last in _WRITING_METHODS and rest and not _is_temporary(node):
        yield "hygiene", "writes-file", node, f"{name} writes a file"


def _is_temporary(node):
    """Whether a file is in the folder that pytest gives to a test."""
    return any(isinstance(one, ast.Name) and one.id in _TEMPORARY for one in ast.walk(node))


def _text(node):
    value = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
    value = value[:100_000]
    if _SECRETS.search(value) or any(_is_card(one[0]) for one in _CARD.finditer(value)):
        yield "hygiene", "secret", node, "a text looks like a secret"
    if _ABSOLUTE.search(value):
        yield "hygiene", "absolute-path", node, "a text is a path of one machine"


def _named(node):
    """`password="..."`, `{"token": "..."}`, `token = "..."`."""
    pairs = []
    if isinstance(node, ast.keyword) and node.arg:
        pairs.append((node.arg, node.value))
    elif isinstance(node, ast.Dict):
        pairs += [(key.value, value) for key, value in zip(node.keys, node.values) if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    elif isinstance(node, ast.Assign):
        pairs += [(target.id, node.value) for target in node.targets if isinstance(target, ast.Name)]
    for name, value in pairs:
        if _NAMED.search(name) and isinstance(value, ast.Constant) and isinstance(value.value, (str, bytes)):
            text = value.value.decode("latin-1") if isinstance(value.value, bytes) else value.value
            if len(text) >= 8 and text.lower() not in _PLAIN:
                yield "hygiene", "secret", value, f"{name[:40]} has a value that looks like a secret"


def _is_card(text):
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * one, 10)) for one in digits[1::2]) % 10 and len(set(digits)) > 1
