'use strict';
// The places where jest says which test file it is at: the runtime that it makes for each, and the crawl that looks at all files.

const path = require('path');
const {variablesWatched} = require('./variables');

/** Transformers of which it is known that comments and layout mean nothing to them but what is kept anyway. */
const KNOWN = /[\\/]node_modules[\\/](?:.*[\\/])?(babel-jest|ts-jest|@swc[\\/]jest|@jest[\\/]transform|esbuild-jest)[\\/]/;

/** jest's runtime, in a form that tells of each test file when it begins and when it is over. */
function runtimeWatched(adapter, exports) {
  const Base = exports.default;
  const windows = adapter.windows;
  // Stacks speak of the class by the name that it is written with.
  class Runtime extends Base {
    constructor(config, environment, ...more) {
      const window = adapter.safely(() => {
        const file = more[4];
        if (typeof file !== 'string') throw new Error('the runtime does not say which test file it is for');
        watchText(adapter, environment);
        variablesWatched(adapter, environment);
        return windows.begin(file, byBytes(adapter, config));
      });
      super(config, environment, ...more);
      Object.defineProperty(this, WINDOW, {value: window});
    }

    teardown(...args) {
      try {
        return super.teardown(...args);
      } finally {
        const window = this[WINDOW];
        if (window) adapter.safely(() => windows.end(window));
      }
    }
  }
  const copy = Object.create(Object.getPrototypeOf(exports), Object.getOwnPropertyDescriptors(exports));
  Object.defineProperty(copy, 'default', {value: Runtime, enumerable: true, configurable: true});
  return copy;
}

const WINDOW = Symbol('titer.window');

/** Whether a file counts by its bytes: a transformer that nobody knows may look at anything in it. */
function byBytes(adapter, config) {
  const transforms = (config.transform || []).map(([pattern, file]) => [new RegExp(pattern), KNOWN.test(file)]);
  const {roots} = adapter.plan;
  return name => {
    const file = `${roots[roots.length - 1]}/${name}`;
    const found = transforms.find(([pattern]) => pattern.test(file));
    return found !== undefined && !found[1];
  };
}

/** Whoever takes the text of a function sees its comments and its layout. */
function watchText(adapter, environment) {
  const global = environment && environment.global;
  const theirs = global && global.Function;
  if (!theirs || theirs === Function) return;
  const original = theirs.prototype.toString;
  const {windows} = adapter;
  const watched = new Proxy(original, {
    apply(target, self, args) {
      const text = Reflect.apply(target, self, args);
      if (windows.test !== null && !windows.test.sawText && !text.endsWith('[native code] }')) {
        windows.textSeen(windows.test);
      }
      return text;
    },
  });
  Object.defineProperty(theirs.prototype, 'toString', {value: watched, writable: true, configurable: true});
}

/** jest's resolver, which says for each window where a module was looked for: a name may be put together, and nothing found. */
function resolverWatched(adapter, exports) {
  const Resolver = exports.default;
  const {prototype} = Resolver;
  const known = new Map();
  const note = (folder, request, paths, folders) =>
    adapter.safely(() => {
      let ofFolder = known.get(folder);
      if (ofFolder === undefined) known.set(folder, (ofFolder = new Map()));
      let found = ofFolder.get(request);
      if (found === undefined) {
        const files = places(adapter.plan, folder, request, paths, folders);
        found = files.map(file => adapter.plan.name(file)).filter(name => name !== null);
        // Several projects may look for one name in different folders.
        if (typeof request === 'string' && request[0] === '.') ofFolder.set(request, found);
      }
      for (const name of found) adapter.windows.lookedFor(name);
    });
  for (const name of ['resolveModuleFromDirIfExists', 'resolveModuleFromDirIfExistsAsync']) {
    const original = prototype[name];
    if (typeof original !== 'function') throw new Error('the resolver of this jest is another one');
    prototype[name] = function (folder, request, options) {
      const {modulePaths, moduleDirectories} = this._options || {};
      note(folder, request, (options && options.paths) || modulePaths, moduleDirectories);
      return Reflect.apply(original, this, arguments);
    };
  }
  for (const name of ['findNodeModule', 'findNodeModuleAsync']) {
    const original = Resolver[name];
    Resolver[name] = function (request, options) {
      note(options && options.basedir, request, options && options.paths, options && options.moduleDirectory);
      return Reflect.apply(original, this, arguments);
    };
  }
  return exports;
}

/** Where in the project a module of that name may be found, without what may follow the name. */
function places(plan, folder, request, paths, folders) {
  if (typeof request !== 'string' || request === '') return [];
  if (path.isAbsolute(request)) return [request];
  if (typeof folder !== 'string') return [];
  if (request[0] === '.') return [path.resolve(folder, request)];
  const found = (paths || []).map(other => path.join(other, request));
  for (const other of folders || []) {
    if (path.isAbsolute(other)) found.push(path.join(other, request));
    else if (other !== 'node_modules') {
      for (let at = folder; plan.name(at) !== null; at = path.dirname(at)) found.push(path.join(at, other, request));
    }
  }
  return found;
}

/** The search for all files of the project: what it touches means nothing to a test. */
function crawlMuted(adapter, exports) {
  const {prototype} = exports.default;
  const build = prototype.build;
  prototype.build = function (...args) {
    mute(adapter);
    const done = Reflect.apply(build, this, args);
    const over = () => unmute(adapter);
    done.then(over, over);
    return done;
  };
  return exports;
}

function mute(adapter) {
  adapter.windows.isMuted += 1;
  if (adapter.tracer) adapter.tracer.stepAside();
}

function unmute(adapter) {
  adapter.windows.isMuted -= 1;
  if (adapter.windows.isMuted === 0 && adapter.tracer) adapter.tracer.enter(0);
}

module.exports = {runtimeWatched, resolverWatched, crawlMuted, mute, unmute};
