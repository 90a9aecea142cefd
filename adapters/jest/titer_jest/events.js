'use strict';
// The event file of one process or thread: one JSON object a line (`event_v1`).

const fs = require('fs');
const path = require('path');
const threads = require('worker_threads');

// Held here: they are wrapped later, and a test may replace them.
const {appendFileSync, mkdirSync} = fs;

class Events {
  constructor(run) {
    const folder = path.join(run, 'jest');
    mkdirSync(folder, {recursive: true});
    const time = `${Date.now()}`.padStart(14, '0');
    this.file = path.join(folder, `${process.pid}-${threads.threadId}-${time}.jsonl`);
  }

  write(line) {
    appendFileSync(this.file, `${JSON.stringify({v: 1, ...line})}\n`);
  }

  /** Several lines with one call. */
  writeAll(lines) {
    appendFileSync(this.file, lines.map(line => `${JSON.stringify({v: 1, ...line})}\n`).join(''));
  }
}

module.exports = {Events};
