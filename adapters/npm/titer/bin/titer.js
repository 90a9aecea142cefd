#!/usr/bin/env node
'use strict';

// Starts the program of this platform's package and ends as it ends: the same code, the same signal.
const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const name = `@titer/${process.platform}-${process.arch}`;

let program;
try {
  program = require.resolve(`${name}/bin/titer`);
} catch {
  console.error(`titer: error: there is no package ${name} here`);
  console.error('hint: install without --omit=optional; where there is none for your platform, pip or cargo may have one');
  process.exit(3);
}

const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
// A terminal tells the whole group; a signal to this process alone is handed on.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) {
  process.on(signal, () => child.kill(signal));
}
child.on('error', (error) => {
  console.error(`titer: error: ${program} cannot be started: ${error.message}`);
  process.exit(126);
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // Where the signal does not end this process.
  process.exitCode = 128 + (constants.signals[signal] ?? 0);
});
