// Sends errors of the shop with OpenTelemetry for Node.js, which speaks OTLP in JSON: a span with an exception, a log record of another.
'use strict';

const path = require('path');
const { SpanStatusCode } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-http');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');

const url = process.argv[2];
const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.version': '1.4.0' });
const { checkout } = require(path.join(process.cwd(), 'src/orders'));

async function main() {
  const tracing = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
  });
  const processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) });
  const logs = new LoggerProvider({ resource, processors: [processor] });
  const span = tracing.getTracer('shop').startSpan('checkout');
  try {
    checkout({ items: ['apple', 'plum'] });
  } catch (error) {
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    logs.getLogger('shop').emit({
      severityText: 'ERROR',
      severityNumber: 17,
      body: 'checkout failed',
      attributes: { 'exception.type': error.name, 'exception.message': error.message, 'exception.stacktrace': error.stack },
    });
  }
  span.end();
  await tracing.shutdown();
  await logs.shutdown();
}

main();
