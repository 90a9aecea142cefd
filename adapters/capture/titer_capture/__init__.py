"""Keeps the arguments of what was under way when something raised, beside the error that is reported anyway.

`before_send` is for sentry-sdk; `titer_capture.otel.CaptureProcessor` for OpenTelemetry. Both do nothing until something raises, run
no code of yours, and never make a report fail.
"""

from .events import Capture, Limits
from .sentry import before_send

__all__ = ["Capture", "Limits", "before_send"]
__version__ = "0.1.0"
