'use strict';
// The adapter of one process or thread of jest: it binds to jest's parts as they are loaded, and turns everything off at the
// first error of its own.

const path = require('path');
const threads = require('worker_threads');

const {Children} = require('./children');
const {Events} = require('./events');
const {Files} = require('./files');
const {Plan} = require('./plan');
const {Session} = require('./session');
const {Tracer} = require('./tracer');
const {Windows} = require('./windows');
const {crawlMuted, resolverWatched, runtimeWatched} = require('./seams');
const {withdraw} = require('./environment');

/** Of jest's own packages, by the last part of their folder. */
const PACKAGE = /[\\/]node_modules[\\/](?:.*[\\/]node_modules[\\/])?((?:@[^\\/]+[\\/])?[^\\/]+)[\\/](?!.*[\\/]node_modules[\\/])/;

class Adapter {
  constructor({run, caller, shared, name, preload, environment}) {
    this.run = run;
    this.preload = preload;
    this.environment = environment;
    this.failed = false;
    this.shared = shared;
    this.sharedName = name;
    this.isCaller = !caller && shared === null;
    this.caller = Number(caller) || 0;
    this.known = new Map();
    this.session = null;
  }

  begin() {
    this.plan = new Plan(this.run);
    this.events = new Events(this.run);
    // Before anything of ours shows up in what the tests see.
    if (this.environment === null) this.environment = withdraw(this.preload);
    // A thread cannot say in which window its process is.
    this.tracer = threads.isMainThread ? Tracer.found(this.plan.trace) : null;
    this.windows = new Windows(this);
    this.events.write({
      e: 'hello',
      pid: process.pid,
      worker: this.isCaller ? '' : `w${process.env.JEST_WORKER_ID || threads.threadId}`,
      caller: this.caller,
      thread: threads.isMainThread ? 0 : threads.threadId,
      collector: this.plan.record ? 'modules' : '',
      traced: this.tracer !== null || (this.shared !== null && this.shared.traced),
    });
    this.files = new Files(this);
    this.children = new Children(this);
    if (this.isCaller) {
      this.session = new Session(this);
      threads.setEnvironmentData(this.sharedName, {
        run: this.run,
        caller: process.pid,
        traced: this.tracer !== null,
      });
    }
    process.on('exit', code => {
      this.safely(() => this.windows.flush());
      this.safely(() => this.session && this.session.ended(code));
    });
  }

  /** What whoever asks for `request` gets instead of its exports. */
  given(request, asker, exports) {
    switch (request) {
      case 'jest-config':
        return this.isCaller ? this.once(request, exports, () => this.session.configured(exports)) : exports;
      case 'jest-runtime':
        return this.plan.record ? this.once(request, exports, () => runtimeWatched(this, exports)) : exports;
      case 'jest-resolve':
        return this.plan.record ? this.once(request, exports, () => resolverWatched(this, exports)) : exports;
      case 'jest-haste-map':
        return this.plan.record ? this.once(request, exports, () => crawlMuted(this, exports)) : exports;
      default:
        return this.plan.record ? this.files.given(request, packageOf(asker), exports) : exports;
    }
  }

  once(request, exports, make) {
    if (!this.known.has(exports)) this.known.set(exports, make());
    return this.known.get(exports);
  }

  safely(action) {
    if (this.failed) return undefined;
    try {
      return action();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  /** Something of ours went wrong: say so, and be as if we were not there. */
  fail(error) {
    this.failed = true;
    const what = `titer's adapter for jest: ${(error && error.message) || error}`;
    try {
      this.events.write({e: 'health', ok: false, what});
    } catch {
      // The event file cannot be written: the windows that are missing say it.
    }
  }
}

/** The package that a file belongs to: the innermost below a folder of packages. */
function packageOf(file) {
  const found = PACKAGE.exec(file);
  return found === null ? '' : found[1].split(path.sep).join('/');
}

module.exports = {Adapter};
