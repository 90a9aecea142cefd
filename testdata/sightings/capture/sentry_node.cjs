// Sends errors of the shop with @sentry/node: one caught, one chained.
'use strict';

const Sentry = require('@sentry/node');
const path = require('path');

Sentry.init({
  dsn: process.argv[2],
  release: 'shop@1.4.0',
  environment: 'production',
  serverName: 'web-1',
  tracesSampleRate: 0,
});
Sentry.setUser({ id: 'user-42' });
const { checkout } = require(path.join(process.cwd(), 'src/orders'));

async function main() {
  try {
    checkout({ items: ['apple', 'plum'] });
  } catch (error) {
    Sentry.captureException(error);
    Sentry.captureException(new Error('checkout failed', { cause: error }));
  }
  await Sentry.flush(5000);
  await Sentry.close(5000);
}

main();
