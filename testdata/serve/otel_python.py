"""Sends so many distinct errors with OpenTelemetry as protobuf, each on a span and in a log record, and crashes of one more."""

import logging
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

url, count = sys.argv[1], int(sys.argv[2])
headers = {"Authorization": "Bearer " + sys.argv[3]} if len(sys.argv) > 3 else None
resource = Resource({"service.name": "shop", "service.version": "1.4.0"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url + "/v1/traces", headers=headers)))
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url + "/v1/logs", headers=headers)))
logger = logging.getLogger("shop")
logger.addHandler(LoggingHandler(logger_provider=logs))
trace.set_tracer_provider(tracing)
tracer = trace.get_tracer("shop")


def work(number):
    with tracer.start_as_current_span("work"):
        try:
            raise type(f"Fault{number}", (Exception,), {})(f"no {number}")
        except Exception:
            logger.exception("it failed")
            raise


for number in range(count):
    try:
        work(number)
    except Exception:
        pass
try:
    work(count)
finally:
    tracing.shutdown()
    logs.shutdown()
