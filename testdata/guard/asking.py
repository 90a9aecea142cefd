"""Asks the workbench as titer does: a request in a file, an answer in a file, the interpreter that runs these tests."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKBENCH = HERE.parents[1] / "adapters" / "guard" / "guard"
CAPTURE = HERE.parents[1] / "adapters" / "capture"


def ask(request, root=None, raw=None, timeout=120, **variables):
    """The answer to one request; `raw` is the request's text itself."""
    with tempfile.TemporaryDirectory() as folder:
        question, answer = os.path.join(folder, "request.json"), os.path.join(folder, "answer.json")
        with open(question, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(raw if raw is not None else json.dumps({"v": 1, **request}))
        environment = {**os.environ, "PYTHONPATH": str(root or ""), **variables}
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-B", str(WORKBENCH), question, answer],
            cwd=root or folder,
            env=environment,
            timeout=timeout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert os.path.exists(answer), done.stderr
        with open(answer, encoding="utf-8") as file:
            return json.load(file)
