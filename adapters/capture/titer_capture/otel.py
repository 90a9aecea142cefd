"""For OpenTelemetry: `provider.add_span_processor(titer_capture.otel.CaptureProcessor())`, before the one that exports."""

from opentelemetry.sdk.trace import SpanProcessor

from .events import Capture

ATTRIBUTE = "titer.capture"


class CaptureProcessor(SpanProcessor):
    """Adds a capture to the event that a span records of an exception, as its attribute `titer.capture`."""

    def __init__(self, root=None, packages=(), limits=None):
        self.capture = Capture(root, packages, limits)

    def on_start(self, span, parent_context=None):
        record = span.record_exception

        def record_exception(exception, attributes=None, *given, **named):
            try:
                text = self.capture.of(exception)
                if text is not None and len(text) <= self.capture.limits.in_context:
                    attributes = {**(attributes or {}), ATTRIBUTE: text}
            except Exception:  # noqa: BLE001 - the exception is recorded, with or without it
                pass
            return record(exception, attributes, *given, **named)

        span.record_exception = record_exception
