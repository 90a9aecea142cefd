// The shop in service: it crashes once, and its SDK tells. `node service.cjs DSN locals|bare`.
'use strict';

const Sentry = require('@sentry/node');
const path = require('path');

Sentry.init({
  dsn: process.argv[2],
  release: 'v1',
  environment: 'production',
  serverName: 'web-1',
  includeLocalVariables: process.argv[3] === 'locals',
  beforeSend(event) {
    // Which machine this is is nobody's business.
    delete event.contexts;
    return event;
  },
});
const {checkout} = require(path.join(process.cwd(), 'src/checkout'));

async function main() {
  // The thread that reads local variables has to be there.
  await new Promise(resolve => setTimeout(resolve, 1500));
  const basket = [{price: 1999, count: 3, tags: ['summer', 'sale']}];
  try {
    checkout({customer: {name: 'Ann Customer', card: '4111 1111 1111 1111'}, basket, coupon: 'SUMMER'});
  } catch (error) {
    Sentry.captureException(error);
  }
  await Sentry.flush(5000);
  await Sentry.close(5000);
  process.exit();
}

main();
