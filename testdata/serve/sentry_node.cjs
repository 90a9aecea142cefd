// Sends so many distinct errors with @sentry/node, and crashes of one more.
'use strict';

const Sentry = require('@sentry/node');

const [dsn, count] = process.argv.slice(2);
Sentry.init({ dsn, release: 'shop@1.4.0', environment: 'production' });

async function main() {
  for (let number = 0; number < Number(count); number += 1) {
    const error = new Error(`no ${number}`);
    error.name = `Fault${number}`;
    Sentry.captureException(error);
  }
  await Sentry.flush(30000);
  setImmediate(() => {
    throw new RangeError('and now nobody catches it');
  });
}

main();
