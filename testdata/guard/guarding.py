"""The whole way of one fault: event, reproduction, the fixed tree's answer, the written test, judged on both trees."""

import shutil
import sys
from pathlib import Path

from asking import ask
from events import event_of, fault_of, forget, names_of


class Fault:
    """A fault in a copy of a small project, and the copy in which it is mended."""

    def __init__(self, project, where, file, old, new):
        self.faulty, self.fixed = Path(where) / "faulty", Path(where) / "fixed"
        for tree in (self.faulty, self.fixed):
            shutil.copytree(project, tree, ignore=shutil.ignore_patterns("__pycache__"))
        text = (self.fixed / file).read_text()
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
        (self.fixed / file).write_text(text.replace(old, new))

    def raised_by(self, work, request=None, hook=False):
        """The event of what `work()` raises in the faulty tree."""
        sys.path.insert(0, str(self.faulty))
        forget(self.faulty.parent)
        try:
            work()
        except Exception as error:
            return event_of(error, self.faulty, request, hook)
        finally:
            sys.path.remove(str(self.faulty))
            forget(self.faulty.parent)
        raise AssertionError("nothing was raised")

    def reproduced(self, event, **more):
        return ask(
            {
                "do": "reproduce",
                "root": str(self.faulty),
                "first_party": names_of(self.faulty),
                "fault": fault_of(event),
                "events": [event],
                "seconds": 30,
                "attempt_seconds": 3,
                **more,
            },
            self.faulty,
        )

    def written(self, event, found):
        """The test's text and what the fixed tree gave."""
        evaluated = ask(
            {"do": "evaluate", "root": str(self.fixed), "first_party": names_of(self.fixed), "found": found, "attempt_seconds": 5}, self.fixed
        )
        assert "refused" not in evaluated, evaluated
        fault = fault_of(event)
        answer = ask(
            {
                "do": "write",
                "found": found,
                "evaluated": evaluated,
                "fault": {"id": "ab12cd34", "type": fault["type"], "function": fault["function"]},
                "today_xfail": False,
            }
        )
        assert "refused" not in answer, answer
        return answer, evaluated

    def judged(self, tree, text, test, crash=None, stub=None, **variables):
        (tree / "tests").mkdir(exist_ok=True)
        (tree / "tests" / "test_guard.py").write_text(text, encoding="utf-8")
        return ask(
            {
                "do": "judge",
                "root": str(tree),
                "first_party": names_of(tree),
                "file": "tests/test_guard.py",
                "test": test,
                "crash": crash,
                "stub": stub,
            },
            tree,
            **variables,
        )

    def passes_the_gate(self, event):
        """The answer of the ladder and the written test, which fails before and passes after."""
        answer = self.reproduced(event)
        found, fault = answer.get("found"), fault_of(event)
        assert found, answer
        written, evaluated = self.written(event, found)
        print(written["text"])
        # How often and under what else is titer's own gate's business.
        judged = self.judged(self.faulty, written["text"], written["test"], {"path": fault["path"], "line": fault["line"]}, PYTHONHASHSEED="1")
        assert judged["outcome"] == "failed", judged
        assert (judged["error"]["type"], judged["error"]["path"]) == (fault["type"], fault["path"]), judged
        assert judged["hit"] is True
        judged = self.judged(self.fixed, written["text"], written["test"], PYTHONHASHSEED="2", TZ="Asia/Tokyo")
        assert judged["outcome"] == "passed", judged
        assert not judged["network"], judged
        looked = ask(
            {"do": "inspect", "text": written["text"], "file": "tests/test_guard.py", "first_party": names_of(self.faulty), "root": str(self.faulty)}
        )
        assert looked["findings"] == [], looked
        return found, written, evaluated
