"""titer's workbench: `python -X utf8 -B guard REQUEST.json ANSWER.json`. See the contract in the README beside this folder."""

import json
import os
import sys

LARGEST = 200_000_000


def main():
    request, answer = sys.argv[1], sys.argv[2]
    told = answered(request)
    text = json.dumps(told)
    with open(answer, "w", encoding="ascii") as file:
        file.write(text)
    return 0


def answered(path):
    try:
        if os.path.getsize(path) > LARGEST:
            return refusal("the request is larger than 200 MB")
        with open(path, encoding="utf-8", errors="surrogatepass") as file:
            request = json.load(file)
    except RecursionError:
        return refusal("the request is nested too deep")
    except (OSError, ValueError, MemoryError) as error:
        return refusal(f"the request cannot be read: {type(error).__name__}")
    if not isinstance(request, dict) or request.get("v") != 1:
        return refusal("the request is of a version that is not known here")
    try:
        return done(request)
    except RecursionError:
        return refusal("something in the request is nested too deep")
    except MemoryError:
        return refusal("something in the request is too large")
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        return refusal(f"the request cannot be done: {type(error).__name__}: {str(error)[:200]}")


def done(request):
    do = request.get("do")
    if do in ("reproduce", "evaluate", "observe"):
        if not hasattr(os, "fork"):
            return refusal("this system cannot fork, and attempts run in forks")
        request["root"] = os.path.realpath(request["root"])
    if do == "reproduce":
        return bounded(request)
    if do == "evaluate":
        import outcome

        return outcome.evaluate(request)
    if do == "observe":
        import outcome

        return outcome.observe(request)
    if do == "write":
        import compose

        return compose.write(request)
    if do == "judge":
        import judge

        return judge.judge(request)
    if do == "inspect":
        import inspection

        return inspection.inspect(request)
    return refusal(f"nothing is known of doing {str(do)[:40]!r}")


def bounded(request):
    """The ladder in a child of its own: modules are imported there, and whatever they do, an answer is written."""
    import attempt
    import ladder

    seconds = request.get("seconds") if isinstance(request.get("seconds"), (int, float)) else 60
    told = attempt.in_child(lambda: ladder.reproduce(request), seconds * 1.5 + 10)
    if "attempts" in told:
        return told
    why = {"timeout": "the attempts did not end in time", "died": "importing the project ended the process"}.get(told.get("outcome"))
    return refusal(why or f"the attempts broke: {str(told.get('text'))[:200]}")


def refusal(sentence):
    return {"v": 1, "refused": sentence}


if __name__ == "__main__":
    sys.exit(main())
