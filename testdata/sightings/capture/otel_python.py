"""Sends errors of the shop with OpenTelemetry: a span with an exception event, and a log record of the same and of another."""

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

from shop import orders

url = sys.argv[1]
resource = Resource({"service.name": "shop", "service.version": "1.4.0", "deployment.environment.name": "production"})
tracing = TracerProvider(resource=resource)
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url + "/v1/traces")))
trace.set_tracer_provider(tracing)
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=url + "/v1/logs")))
logger = logging.getLogger("shop")
logger.addHandler(LoggingHandler(logger_provider=logs))
tracer = trace.get_tracer("shop")
try:
    with tracer.start_as_current_span("checkout"):
        try:
            orders.checkout({"items": ["apple", "plum"]})
        except LookupError:
            logger.exception("checkout failed for user %s", 42)
            raise
except LookupError:
    pass
try:
    orders.parse('{"items": [')
except ValueError:
    logger.exception("no order")
logger.warning("nothing is wrong")
tracing.shutdown()
logs.shutdown()
