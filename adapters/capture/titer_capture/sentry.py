"""For sentry-sdk: `sentry_sdk.init(dsn, before_send=titer_capture.before_send())`."""

from .events import Capture

NAME = "titer-capture.json"


def before_send(then=None, root=None, packages=(), limits=None):
    """A `before_send` that adds a capture as an attachment and, if it is small, as a context; `then` is your own, called first.

    Frames count as yours where sentry-sdk says so (`in_app_include`, `in_app_exclude`, `project_root`), or where they lie in `root` or `packages`.
    """
    capture = Capture(root, packages, limits)

    def send(event, hint):
        if then is not None:
            event = then(event, hint)
        if event is not None and hint.get("exc_info"):
            try:
                add(capture, event, hint)
            except Exception:  # noqa: BLE001 - whatever is odd about a value, the error itself is reported
                pass
        return event

    return send


def add(capture, event, hint):
    error = hint["exc_info"][1]
    told = in_app(event)
    text = capture.of(error, lambda frame: capture.is_own(frame) or (frame.f_code.co_filename, frame.f_code.co_name) in told)
    if text is None:
        return
    if len(text) <= capture.limits.in_context:
        event.setdefault("contexts", {})["titer"] = {"type": "titer", "capture": text}
    try:
        from sentry_sdk.attachments import Attachment
    except ImportError:
        return
    attachment = Attachment(bytes=text.encode(), filename=NAME, content_type="application/json")
    hint.setdefault("attachments", []).append(attachment)


def in_app(event):
    """Files and functions of the frames that sentry-sdk takes for the application's own."""
    values = (event.get("exception") or {}).get("values") or []
    frames = [frame for value in values for frame in (value.get("stacktrace") or {}).get("frames") or []]
    return {(frame.get("abs_path"), frame.get("function")) for frame in frames if frame.get("in_app")}
