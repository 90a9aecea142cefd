'use strict';
// jest's reporter: what became of the tests of the one file, with what was seen while the one test ran, in one file at the end.

const fs = require('fs');

const watch = process[Symbol.for('titer.guard')];
const asked = JSON.parse(process.env.TITER_GUARD);

class Reporter {
  constructor() {
    this.tests = [];
    this.broken = null;
  }

  onTestFileResult(_test, result) {
    for (const {ancestorTitles, title, status} of result.testResults) this.tests.push({name: [...ancestorTitles, title].join(' > '), status});
    if (result.testExecError) this.broken = `${result.testExecError.stack || result.testExecError.message || result.testExecError}`;
  }

  onRunComplete() {
    const {network, errors, failing, seconds} = watch;
    const told = {tests: this.tests, broken: this.broken, network, errors, failing, seconds, slept: asleep(watch.waits)};
    fs.writeFileSync(asked.out, JSON.stringify(told));
  }
}

/** Seconds in which at least one timer was waited for. */
function asleep(waits) {
  let [all, until] = [0, 0];
  for (const [from, to] of [...waits].sort((a, b) => a[0] - b[0])) {
    all += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return all / 1000;
}

module.exports = Reporter;
