'use strict';
// The project's own test environment, with an eye on the one test: when it runs, and what it throws, also where it is expected to.

const watch = process[Symbol.for('titer.guard')];
const asked = JSON.parse(process.env.TITER_GUARD);
const TEXT = 2000;

/** The environment of the configuration in whose folder this is. */
function base(config) {
  if (asked.environment) return loadedFrom(named(asked.environment, config.rootDir));
  const own = asked.environments.find(([folder]) => folder === config.rootDir) || asked.environments[0];
  return loadedFrom(own[1]);
}

/** The module of an environment that the test itself names, looked for as jest does. */
function named(name, folder) {
  try {
    return require.resolve(`jest-environment-${name}`, {paths: [folder]});
  } catch {
    return require.resolve(name, {paths: [folder]});
  }
}

function loadedFrom(file) {
  const loaded = require(file);
  return loaded.TestEnvironment || loaded.default || loaded;
}

function nameOf(test) {
  const titles = [];
  for (let one = test; one && one.name !== 'ROOT_DESCRIBE_BLOCK'; one = one.parent) titles.unshift(one.name);
  return titles.join(' > ');
}

function told(error) {
  const is = error !== null && typeof error === 'object';
  const read = name => {
    try {
      return `${error[name]}`;
    } catch {
      return '';
    }
  };
  if (!is) return {name: typeof error, stack: '', text: String(error).slice(0, TEXT), asserts: false};
  const own = error.name || (error.constructor && error.constructor.name) || 'Error';
  const asserts = 'matcherResult' in error;
  return {name: `${own}`.slice(0, TEXT), stack: read('stack').slice(0, 100 * TEXT), text: read('message').slice(0, TEXT), asserts};
}

/** Keeps what a test throws that is expected to: jest itself drops it. */
function observed(test) {
  const own = test.fn;
  const name = nameOf(test);
  watch.failing.push(name);
  if (typeof own !== 'function' || own.length > 0) return;
  const kept = error => {
    watch.errors.push({name, error: told(error)});
    throw error;
  };
  test.fn = function watched() {
    try {
      const given = own.call(this);
      return given && typeof given.then === 'function' ? given.then(value => value, kept) : given;
    } catch (error) {
      return kept(error);
    }
  };
}

const EVENTS = {
  test_start() {
    watch.on = true;
  },
  test_fn_start({test}) {
    if (test.failing) observed(test);
    watch.began = performance.now();
  },
  test_fn_success() {
    watch.seconds = (performance.now() - watch.began) / 1000;
  },
  test_fn_failure({test, error}) {
    watch.seconds = (performance.now() - watch.began) / 1000;
    if (!test.failing) watch.errors.push({name: nameOf(test), error: told(Array.isArray(error) ? error[0] : error)});
  },
  hook_failure({test, error}) {
    if (test) watch.errors.push({name: nameOf(test), error: told(Array.isArray(error) ? error[0] : error)});
  },
  test_done() {
    watch.on = false;
  },
};

module.exports = class {
  constructor(config, context) {
    const Base = base(config.projectConfig || config);
    class Watched extends Base {
      async handleTestEvent(event, state) {
        if (super.handleTestEvent) await super.handleTestEvent(event, state);
        if (Object.hasOwn(EVENTS, event.name)) EVENTS[event.name](event);
      }
    }
    return new Watched(config, context);
  }
};
