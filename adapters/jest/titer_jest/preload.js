'use strict';
// Entry point: every node that the user's command starts meets this file first, through NODE_OPTIONS=--require. It waits until
// the process turns out to be jest, and does nothing at all in any other.

const Module = require('module');
const threads = require('worker_threads');

const RUN = 'TITER_JEST';
const CALLER = 'TITER_JEST_CALLER';

/** The name under which threads of jest find what their process knows. */
const SHARED = 'titer-jest';

const shared = threads.isMainThread ? null : threads.getEnvironmentData(SHARED);
const run = shared ? shared.run : process.env[RUN];
const caller = shared ? shared.caller : process.env[CALLER];

if (run && !globalThis[Symbol.for('titer.jest')]) {
  try {
    start();
  } catch {
    // Nobody to tell: no hello means "ran whole".
  }
}

function start() {
  // A second preload in the same process (named twice) must not begin again.
  Object.defineProperty(globalThis, Symbol.for('titer.jest'), {value: true, configurable: true});
  const load = Module._load;
  let adapter = null;
  // A worker's environment is its tests': it is as without us from the first line on.
  const environment = caller && shared === null ? require('./environment').withdraw(__filename) : null;
  let hasBegun = false;
  const begin = () => {
    if (hasBegun) return;
    hasBegun = true;
    const {Adapter} = require('./adapter');
    const made = new Adapter({run, caller, shared, name: SHARED, preload: __filename, environment});
    made.begin();
    adapter = made;
  };
  Module._load = function _load(request, parent) {
    // Nearly all requests end here.
    if (!WANTED.has(request) || !parent || (adapter !== null && adapter.failed)) return load.apply(this, arguments);
    try {
      // Before it is loaded: what it loads itself is wanted, too.
      if (adapter === null && isJest(request, parent)) begin();
    } catch {
      return load.apply(this, arguments);
    }
    const exports = load.apply(this, arguments);
    if (adapter === null) return exports;
    try {
      return adapter.given(request, parent.filename || '', exports);
    } catch (error) {
      adapter.fail(error);
      return exports;
    }
  };
}

/** What a caller of jest loads before it does anything, or a worker of jest. */
function isJest(request, parent) {
  if (caller) return request === 'jest-runtime';
  const asks = request === 'jest-config' || request === 'jest-cli' || request === '@jest/core';
  return asks && /[\\/](@jest[\\/]core|jest-cli|jest)[\\/]/.test(parent.filename || '');
}

const WANTED = new Set([
  '@jest/core',
  'jest-cli',
  'jest-config',
  'jest-runtime',
  'jest-haste-map',
  'jest-resolve',
  'graceful-fs',
  'fs',
  'node:fs',
  'fs/promises',
  'node:fs/promises',
  'vm',
  'node:vm',
  'worker_threads',
  'node:worker_threads',
]);
