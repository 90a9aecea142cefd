'use strict';
// Which variables of the environment code under test asks for, by whatever name it comes to them.

const {callerPast} = require('./stacks');

const PACKAGES = /[\\/]node_modules[\\/]/;
const NONE = /^$/;

/** Puts a witness before the environment that tests see. What libraries look for (colours, terminals) is their own business. */
function variablesWatched(adapter, environment) {
  const process = environment && environment.global && environment.global.process;
  const variables = process && process.env;
  if (!variables || typeof variables !== 'object' || variables === globalThis.process.env) return;
  const {windows} = adapter;
  let isListing = 0;
  const asked = name => {
    const window = windows.test;
    if (window === null || typeof name !== 'string' || window.variables.has(name) || adapter.failed) return;
    // Whoever copies all of them asks for each.
    if (isListing > 0) {
      isListing -= 1;
      return;
    }
    if (isOfProject(adapter)) window.variables.add(name);
  };
  process.env = new Proxy(variables, {
    get(target, name, receiver) {
      asked(name);
      return Reflect.get(target, name, receiver);
    },
    has(target, name) {
      asked(name);
      return Reflect.has(target, name);
    },
    ownKeys(target) {
      const names = Reflect.ownKeys(target);
      if (windows.test !== null && !windows.test.listsVariables && isOfProject(adapter)) windows.test.listsVariables = true;
      isListing = names.length;
      queueMicrotask(() => {
        isListing = 0;
      });
      return names;
    },
  });
}

/** Whether the code that asks is the project's own. */
function isOfProject(adapter) {
  return !PACKAGES.test(callerPast(NONE));
}

/** Variables that sources may mean once somebody has taken a copy of all: words in capitals. */
function namedIn(text) {
  return text.match(/\b[A-Z][A-Z0-9_]{2,40}\b/g) || [];
}

module.exports = {namedIn, variablesWatched};
