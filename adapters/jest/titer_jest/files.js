'use strict';
// What the process does with files: `fs` as each of those who ask for it gets it.
//
// Who asked for `fs` tells what a call means. Code under test gets it from jest's runtime: what it does belongs to the window.
// The runtime itself reads sources: loads. What others in the process do (configuration, transformers, the compiler) serves all
// tests, as it is done once and remembered.

const fs = require('fs');
const path = require('path');
const {fileURLToPath} = require('url');

const {callerPast, cleaned, unseen} = require('./stacks');
const {SOURCE} = require('./windows');

// Held here: they are wrapped, and a test may replace them.
const {readdirSync, statSync} = fs;
const {resolve} = path;

/** Function of `fs` to what it does with the path that is its first argument. */
const CALLS = {
  readFile: 'read',
  createReadStream: 'read',
  open: 'open',
  copyFile: 'read',
  readlink: 'ask',
  readdir: 'list',
  opendir: 'list',
  cp: 'copy',
  openAsBlob: 'read',
  stat: 'stat',
  lstat: 'stat',
  access: 'ask',
  exists: 'ask',
  realpath: 'ask',
  writeFile: 'write',
  appendFile: 'write',
  createWriteStream: 'write',
  mkdir: 'write',
  truncate: 'write',
};
const TABLES = /(^|\/)(package\.json|package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml)$/;

/** Packages that look at what a source imports to tell whether its types are right. */
const COMPILERS = new Set(['typescript', 'ts-jest']);

/** Packages with which jest searches folders. */
const SEARCHERS = new Set(['glob', 'path-scurry']);
const SEARCHER = /[\\/]node_modules[\\/](glob|path-scurry|minimatch|fs\.realpath|inflight|once|wrappy)[\\/]/;
const RUNTIME = /[\\/]node_modules[\\/]jest-runtime[\\/]/;
const PACKAGES = /[\\/]node_modules[\\/]/;

class Files {
  constructor(adapter) {
    this.adapter = adapter;
    this.made = new Map();
    if (!adapter.plan.record) return;
    this.vm = null;
    this.threads = null;
    this.depth = 0;
    // Everybody else has the one that node gave out long ago: it is changed where it stands.
    this.wrapInPlace(fs, this.others);
    this.wrapInPlace(fs.promises, this.others);
    require('module').syncBuiltinESMExports();
  }

  /** What the package `asker` gets when it asks for `request`. */
  given(request, asker, exports) {
    const plain = request.replace('node:', '');
    if (plain === 'worker_threads') return asker === 'jest-runtime' ? this.watchedThreads(exports) : exports;
    if (plain === 'vm') return asker === 'jest-runtime' ? this.watchedVm(exports) : exports;
    const see = this.eyes(plain, asker);
    return see === null ? exports : this.copyFor(exports, see);
  }

  eyes(request, asker) {
    if (request === 'graceful-fs') {
      if (COMPILERS.has(asker)) return this.compiler;
      switch (asker) {
        case 'jest-runtime':
        case '@jest/transform':
          return this.runtime;
        case 'jest-runner':
          return this.ignore;
        case 'jest-snapshot':
        case '@jest/snapshot-utils':
        // It gives the sandbox the functions with which snapshots are read whatever a test does to `fs`.
        case 'jest-util':
          return this.snapshots;
        case 'jest-resolve':
          return this.resolver;
        default:
          return null;
      }
    }
    if (asker === 'jest-runtime') return this.sandbox;
    if (COMPILERS.has(asker)) return this.compiler;
    return SEARCHERS.has(asker) ? this.searcher : null;
  }

  copyFor(exports, see) {
    let copies = this.made.get(see);
    if (copies === undefined) this.made.set(see, (copies = new Map()));
    let copy = copies.get(exports);
    if (copy === undefined) {
      copy = Object.create(Object.getPrototypeOf(exports), Object.getOwnPropertyDescriptors(exports));
      copies.set(exports, copy);
      if (exports === fs || exports.promises !== undefined) {
        const promises = this.copyFor(fs.promises, see);
        Object.defineProperty(copy, 'promises', {configurable: true, enumerable: true, get: () => promises});
      }
      this.wrapInPlace(copy, see, exports);
    }
    return copy;
  }

  wrapInPlace(target, see, source = target) {
    for (const [call, kind] of Object.entries(CALLS)) {
      for (const name of [call, `${call}Sync`]) {
        const original = (ORIGINALS.get(source) || {})[name] || source[name];
        if (typeof original !== 'function') continue;
        if (source === target) remember(source, name, original);
        target[name] = this.wrapper(original, kind, see);
      }
    }
  }

  wrapper(original, kind, see) {
    const files = this;
    const {adapter} = this;
    const wrapper = function (...args) {
      // What a function of node calls on its way is its own doing.
      if (files.depth === 0 && !adapter.failed && !adapter.windows.isMuted) {
        try {
          const name = files.named(args[0]);
          if (name !== null) see.call(files, kindOf(kind, args), name);
        } catch (error) {
          adapter.fail(error);
        }
      }
      // Copying asks code of the caller which files it wants.
      if (kind === 'copy' && typeof args[2] === 'object') return unseen(() => Reflect.apply(original, this, args));
      files.depth += 1;
      try {
        return unseen(() => Reflect.apply(original, this, args));
      } finally {
        files.depth -= 1;
      }
    };
    const {prototype, ...descriptors} = Object.getOwnPropertyDescriptors(original);
    return Object.defineProperties(wrapper, descriptors);
  }

  /** The first-party name of what was given as a path; null for anything else. */
  named(given) {
    if (typeof given !== 'string') {
      if (given instanceof URL) {
        if (given.protocol !== 'file:') return null;
        given = fileURLToPath(given);
      } else if (Buffer.isBuffer(given)) given = given.toString();
      else return null;
    }
    if (given.startsWith('node:')) return null;
    return this.adapter.plan.name(resolve(given));
  }

  // ---- who sees what

  sandbox(kind, name) {
    const window = this.adapter.windows.current;
    switch (kind) {
      case 'read':
        window.by.add(name);
        window.reads.add(name);
        break;
      case 'copy':
        // All that is below it is read, which may be what is loaded, too.
        this.adapter.windows.textSeen(window);
        this.walk(name, window, true);
        break;
      case 'walk':
        this.walk(name, window, false);
        break;
      case 'list':
        window.lists.add(name);
        break;
      case 'write':
        window.wrote.add(name);
        break;
      case 'stat':
        // Size and times are asked for, too: it counts with what is in it.
        if (this.isFile(name)) window.reads.add(name);
        window.asked.add(name);
        break;
      default:
        window.asked.add(name);
    }
  }

  runtime(kind, name) {
    const {windows} = this.adapter;
    if (kind === 'read') windows.loaded(name);
    else if (kind === 'write') windows.current.wrote.add(name);
    else windows.current.asked.add(name);
  }

  /** Snapshots are the test file's; what is left of those that nobody asks for any more is looked at in the end. */
  snapshots(kind, name) {
    if (this.adapter.windows.test === null) this.ignore(kind, name);
    else this.sandbox(kind, name);
  }

  ignore(kind, name) {
    this.adapter.windows.current.ignored.add(name);
  }

  resolver(kind, name) {
    const {windows} = this.adapter;
    if (kind === 'read') windows.current.ignored.add(name);
    else windows.process.asked.add(name);
  }

  /** jest's runtime searches only for names that its message about a missing module could propose; others may use what they find. */
  searcher(kind, name) {
    const {windows} = this.adapter;
    if (windows.test === null || !RUNTIME.test(callerPast(SEARCHER))) this.others(kind, name);
    else windows.test.ignored.add(name);
  }

  /** The compiler looks at all that a file imports: what titer knows of imports says whose that is. */
  compiler(kind, name) {
    const {process} = this.adapter.windows;
    if (kind === 'read' && SOURCE.test(name)) process.types.add(name);
    else if (kind === 'list') {
      // It takes in all declarations that it finds: that is what the empty name stands for.
      process.types.add('');
      process.ignored.add(name);
    } else this.others(kind, name);
  }

  others(kind, name) {
    const {windows} = this.adapter;
    // A call of the code under test that went on to another one.
    if (windows.knows(name)) return;
    const {process} = windows;
    if (TABLES.test(name)) {
      // jest and its tools count table by table; what the project's own configuration reads there counts whole.
      const asker = kind === 'read' ? callerPast(/^$/) : '';
      if (asker !== '' && !PACKAGES.test(asker) && this.adapter.plan.name(asker) !== null) process.codes.add(name);
      windows.current.ignored.add(name);
      return;
    }
    if (windows.toldOf('ignored').has(name) || process.ignored.has(name) || windows.current.ignored.has(name)) return;
    if (kind === 'read') process.reads.add(name);
    else if (kind === 'list') process.lists.add(name);
    else if (kind === 'walk' || kind === 'copy') this.walk(name, process, kind === 'copy');
    else if (kind === 'write') process.wrote.add(name);
    else process.asked.add(name);
  }

  /** All folders below, and all files in them where these are read. */
  walk(name, window, reads) {
    const waiting = [name];
    while (waiting.length > 0) {
      const folder = waiting.pop();
      let entries;
      try {
        entries = readdirSync(path.join(this.adapter.plan.roots[0], folder), {withFileTypes: true});
      } catch {
        if (reads) window.reads.add(folder);
        continue;
      }
      window.lists.add(folder);
      for (const entry of entries) {
        const inner = folder === '.' ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) waiting.push(inner);
        else if (reads) window.reads.add(inner);
      }
    }
  }

  isFile(name) {
    try {
      return statSync(path.join(this.adapter.plan.roots[0], name)).isFile();
    } catch {
      return false;
    }
  }

  /** Nobody tells threads of one process apart: what a thread of a test reads may be what was loaded for it. */
  watchedThreads(threads) {
    if (this.threads !== null) return this.threads;
    const {adapter} = this;
    const Worker = class extends threads.Worker {
      constructor(file, ...more) {
        adapter.safely(() => {
          adapter.windows.textSeen(adapter.windows.current);
          adapter.windows.started('thread', file);
        });
        super(file, ...more);
      }
    };
    Object.defineProperty(Worker, 'name', {value: 'Worker', configurable: true});
    this.threads = Object.create(Object.getPrototypeOf(threads), Object.getOwnPropertyDescriptors(threads));
    Object.defineProperty(this.threads, 'Worker', {value: Worker, enumerable: true, configurable: true, writable: true});
    return this.threads;
  }

  // ---- the second seam

  watchedVm(vm) {
    if (this.vm !== null) return this.vm;
    const {adapter} = this;
    const compiled = file => {
      if (adapter.failed || typeof file !== 'string') return;
      const name = adapter.plan.name(file);
      const {test} = adapter.windows;
      if (name !== null && test !== null && SOURCE.test(name)) {
        test.compiled.add(name);
        adapter.windows.loaded(name, test);
      }
    };
    const watched = (Class, key) => {
      if (Class === undefined) return Class;
      const Watched = class extends Class {
        constructor(code, options, ...more) {
          compiled(typeof options === 'string' ? options : options && options[key]);
          try {
            super(code, options, ...more);
          } catch (error) {
            cleaned(error);
            throw error;
          }
        }
      };
      Object.defineProperties(Watched, {
        name: {value: Class.name, configurable: true},
        length: {value: Class.length, configurable: true},
      });
      return Watched;
    };
    const copy = Object.create(Object.getPrototypeOf(vm), Object.getOwnPropertyDescriptors(vm));
    copy.Script = watched(vm.Script, 'filename');
    if (vm.SourceTextModule) copy.SourceTextModule = watched(vm.SourceTextModule, 'identifier');
    copy.compileFunction = function compileFunction(code, parameters, options) {
      compiled(options && options.filename);
      return unseen(() => Reflect.apply(vm.compileFunction, this, arguments));
    };
    Object.defineProperty(copy.compileFunction, 'length', {value: vm.compileFunction.length, configurable: true});
    this.vm = copy;
    return copy;
  }
}

/** The functions as they were, by the object that they stood in. */
const ORIGINALS = new Map();

function remember(source, name, original) {
  if (!ORIGINALS.has(source)) ORIGINALS.set(source, {});
  const known = ORIGINALS.get(source);
  if (known[name] === undefined) known[name] = original;
}

/** What a call does: opening depends on flags, listing may go down. */
function kindOf(kind, args) {
  if (kind === 'open') return opening(args[1]);
  return kind === 'list' && args[1] && args[1].recursive ? 'walk' : kind;
}

/** What opening with these flags does. */
function opening(flags) {
  if (flags === undefined || flags === null || typeof flags === 'function') return 'read';
  if (typeof flags === 'string') return flags.startsWith('r') ? 'read' : 'write';
  return (flags & 3) === 0 ? 'read' : 'write';
}

module.exports = {Files};
