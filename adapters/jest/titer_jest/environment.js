'use strict';
// How we came in (NODE_OPTIONS, PATH, our own variables), and taking it back: what a test sees, and what it starts, must be as
// without us.

const path = require('path');

const NAMES = ['TITER_JEST', 'TITER_JEST_CALLER', 'TITER_JEST_PRELOAD'];

/** Takes our names out of the environment of this process; returns what a worker of jest needs to be entered, too. */
function withdraw(preload) {
  const option = optionOf(preload);
  const taken = {};
  for (const name of NAMES) {
    if (process.env[name] !== undefined) taken[name] = process.env[name];
    delete process.env[name];
  }
  const options = without(process.env.NODE_OPTIONS || '', option);
  if (options === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = options;
  const shim = path.join(path.dirname(preload), '..', 'bin');
  const parts = (process.env.PATH || '').split(path.delimiter);
  if (parts.includes(shim)) process.env.PATH = parts.filter(part => part !== shim).join(path.delimiter);
  return {option, taken};
}

/** The environment of a worker: that of the process and what lets us in. */
function forWorkers(environment, {option, taken}, caller) {
  const theirs = environment.NODE_OPTIONS;
  return {
    ...environment,
    TITER_JEST: taken.TITER_JEST,
    TITER_JEST_CALLER: `${caller}`,
    NODE_OPTIONS: theirs === undefined ? option : `${theirs} ${option}`,
  };
}

function optionOf(preload) {
  return preload.includes(' ') ? `--require="${preload}"` : `--require=${preload}`;
}

/** The user's own value, to the letter: ours stands behind it, or stands alone where there was none. */
function without(options, option) {
  const at = options.indexOf(option);
  if (at === 0) return undefined;
  return at < 0 ? options : options.slice(0, at - 1) + options.slice(at + option.length);
}

module.exports = {withdraw, forWorkers};
