'use strict';
// Programs that the process starts: workers of jest are entered, too; of everything else a window says that it started it.

const childProcess = require('child_process');

const {forWorkers} = require('./environment');
const {unseen} = require('./stacks');

const WORKER = /[\\/]jest-worker[\\/]build[\\/]/;
const SYNCHRONOUS = ['spawnSync', 'execSync', 'execFileSync'];

class Children {
  constructor(adapter) {
    this.adapter = adapter;
    const spawn = childProcess.ChildProcess.prototype.spawn;
    const started = this.started.bind(this);
    childProcess.ChildProcess.prototype.spawn = function (options) {
      adapter.safely(() => started(options));
      return spawn.apply(this, arguments);
    };
    if (!adapter.plan.record) return;
    for (const name of SYNCHRONOUS) {
      const original = childProcess[name];
      const wrapper = function (file) {
        adapter.safely(() => adapter.windows.started(name, file));
        return unseen(() => original.apply(this, arguments));
      };
      Object.defineProperties(wrapper, {
        name: {value: name, configurable: true},
        length: {value: original.length, configurable: true},
      });
      childProcess[name] = wrapper;
    }
  }

  started(options) {
    const {adapter} = this;
    const words = (options && options.args) || [];
    // A test may well start workers of its own with jest's library for them.
    if (!adapter.isCaller || adapter.windows.test !== null || !words.some(word => WORKER.test(word))) {
      if (adapter.plan.record) adapter.windows.started('spawn', options.file);
      return;
    }
    const environment = Object.fromEntries(
      (options.envPairs || []).map(pair => {
        const at = pair.indexOf('=', 1);
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
    );
    const given = forWorkers(environment, adapter.environment, process.pid);
    options.envPairs = Object.entries(given).map(([name, value]) => `${name}=${value}`);
  }
}

module.exports = {Children};
