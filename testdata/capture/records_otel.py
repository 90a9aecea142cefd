"""The same error recorded by OpenTelemetry's SDK, in a span that it ends and by a call; the spans are printed as JSON."""

import json

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from titer_capture.otel import CaptureProcessor

from shop import orders

kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(CaptureProcessor())
provider.add_span_processor(SimpleSpanProcessor(kept))
tracer = provider.get_tracer("shop")

try:
    with tracer.start_as_current_span("ended by it"):
        orders.checkout({"items": ["apple", "plum"]})
except LookupError:
    pass
with tracer.start_as_current_span("by a call") as span:
    try:
        orders.checkout({"items": ["apple", "plum"]})
    except LookupError as error:
        span.record_exception(error, attributes={"own": "kept"})
with tracer.start_as_current_span("nothing raised"):
    pass
print(json.dumps([{"name": span.name, "events": [dict(event.attributes) for event in span.events]} for span in kept.get_finished_spans()]))
