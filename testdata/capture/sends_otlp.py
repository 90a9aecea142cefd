"""An error in a span, as OpenTelemetry's own exporter would send it: `sends_otlp.py FILE`; the shop is that of `testdata/guard-shop`."""

import sys

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from titer_capture.otel import CaptureProcessor

from shop.prices import quote

kept = InMemorySpanExporter()
provider = TracerProvider(resource=Resource.create({"service.name": "shop", "service.version": "v1"}))
provider.add_span_processor(CaptureProcessor())
provider.add_span_processor(SimpleSpanProcessor(kept))

try:
    with provider.get_tracer("shop").start_as_current_span("POST /quote"):
        quote([{"price": 1999, "count": 3}], "SUMMER")
except KeyError:
    pass
with open(sys.argv[1], "wb") as file:
    file.write(encode_spans(kept.get_finished_spans()).SerializeToString())
