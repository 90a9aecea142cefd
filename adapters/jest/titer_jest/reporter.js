'use strict';
// jest's reporter: what became of every test file and of every test in it.

const current = require('./current');
const {mute} = require('./seams');

/** Every test of a file: its own name, how it ended, seconds, how often it was tried. */
function told(results, isNarrowed) {
  const tests = [];
  for (const {ancestorTitles, title, status, duration, invocations} of results) {
    const name = wellFormed([...ancestorTitles, title].join(' > '));
    if (status === 'passed' || status === 'failed') tests.push([name, status, (duration || 0) / 1000, invocations || 1]);
    // A name that the user's pattern does not match looks the same as one that the file itself skips.
    else if (!isNarrowed) tests.push([name, 'skipped', 0, 1]);
  }
  return tests;
}

/** Half a character cannot be written down. */
function wellFormed(text) {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}

class Reporter {
  constructor(config) {
    this.isNarrowed = Boolean(config.testNamePattern);
    this.adapter = current.session.adapter;
  }

  tell(line) {
    this.adapter.safely(() => this.adapter.events.write(line));
  }

  file(test) {
    return this.adapter.plan.name(test.path) || test.path;
  }

  onTestFileStart(test) {
    this.adapter.safely(() => this.tell({e: 'file', id: `jest::${this.file(test)}`}));
  }

  onTestFileResult(test, result) {
    this.adapter.safely(() => {
      // What skipped itself whole (a pattern that nothing in it matches) has run no test.
      const broken = Boolean(result.testExecError);
      const {unchecked, unmatched, fileDeleted} = result.snapshot || {};
      // jest may fail of snapshots that no test asks for.
      const loose = !result.skipped && Boolean(unchecked || unmatched || fileDeleted);
      current.session.over += 1;
      this.tell({
        e: 'tests',
        id: `jest::${this.file(test)}`,
        p: this.file(test),
        tests: told(result.testResults || [], this.isNarrowed),
        narrowed: this.isNarrowed,
        broken,
        loose,
      });
    });
  }

  onRunComplete() {
    // What follows (coverage, the reports of others) leads to no test.
    this.adapter.safely(() => {
      this.adapter.windows.flush();
      mute(this.adapter);
    });
  }

  getLastError() {}
}

module.exports = Reporter;
