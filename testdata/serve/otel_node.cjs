// Sends so many distinct errors with OpenTelemetry as JSON, each on a span and in a log record, and crashes of one more.
'use strict';

const { context, trace } = require('@opentelemetry/api');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-http');
const { OTLPLogExporter } = require('@opentelemetry/exporter-logs-otlp-http');
const { BatchLogRecordProcessor, LoggerProvider } = require('@opentelemetry/sdk-logs');

const [url, count] = process.argv.slice(2);
const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.version': '1.4.0' });
const tracing = new NodeTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
});
const processor = new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) });
const logs = new LoggerProvider({ resource, processors: [processor] });

function work(number) {
  const span = tracing.getTracer('shop').startSpan('work');
  const error = new Error(`no ${number}`);
  error.name = `Fault${number}`;
  span.recordException(error);
  logs.getLogger('shop').emit({
    severityText: 'ERROR',
    body: 'it failed',
    context: trace.setSpan(context.active(), span),
    attributes: { 'exception.type': error.name, 'exception.message': error.message, 'exception.stacktrace': error.stack },
  });
  span.end();
  return error;
}

async function main() {
  for (let number = 0; number < Number(count); number += 1) work(number);
  const last = work(count);
  await tracing.shutdown();
  await logs.shutdown();
  setImmediate(() => {
    throw last;
  });
}

main();
