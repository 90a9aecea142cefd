'use strict';
// From what events tell of frames to calls that may fail as production did: the outermost function first whose parameters are all told.

const {read} = require('./values.cjs');

const MOST = 40;
const REQUESTS = 'requests are not replayed in JavaScript: express answers an error itself, and a test sees the answer, not the error';

/** Calls to be tried, and why of some frames none can be made. */
function candidates(events, functions) {
  const [calls, attempts] = [[], []];
  const asked = events.find(event => event.request && event.request.url);
  if (asked) attempts.push({rung: 'request', target: `${asked.request.method || 'GET'}`.slice(0, 10), why: REQUESTS});
  for (const event of events) {
    const raised = event.exceptions[event.exceptions.length - 1];
    for (const frame of raised ? raised.frames : []) {
      if (frame.path !== '' && Object.hasOwn(functions, frame.path)) add(frame, functions[frame.path], calls, attempts);
    }
  }
  return {calls: unique(calls).slice(0, MOST), attempts};
}

function add(frame, listed, calls, attempts) {
  const target = `${frame.path} ${frame.function}`;
  const refuse = why => attempts.push({rung: 'vars', target, why});
  if (frame.vars === null || typeof frame.vars !== 'object') {
    refuse('the event tells no local variables: @sentry/node sends them with includeLocalVariables');
    return;
  }
  const around = listed.filter(one => one.first <= frame.line && frame.line <= one.last);
  const own = around.sort((a, b) => a.last - a.first - (b.last - b.first))[0];
  if (own === undefined) return refuse('no function with a name stands around its line');
  const name = `${frame.path} ${own.name}`;
  const missing = own.params.find(one => !Object.hasOwn(frame.vars, one));
  if (own.params.includes('')) return attempts.push({rung: 'vars', target: name, why: 'its parameters are taken apart where they are declared'});
  if (missing !== undefined) return attempts.push({rung: 'vars', target: name, why: `its parameter ${missing} is not among what the event tells`});
  const given = own.params.map(one => read(frame.vars[one]));
  const lost = given.indexOf(undefined);
  if (lost >= 0) return attempts.push({rung: 'vars', target: name, why: `its parameter ${own.params[lost]} is an object of which the event tells only the class`});
  const args = given.map(one => one.tree);
  calls.push({path: frame.path, name: own.name, args, flags: flags(args)});
  // Of an object in a list the SDK tells nothing but that there is something.
  if (JSON.stringify(args).includes('null')) calls.push({path: frame.path, name: own.name, args: args.map(filled), flags: [...flags(args), 'element-type-lost']});
}

/** Members of members are not told, and nobody can see that they are missing. */
function flags(args) {
  return args.some(one => one !== null && typeof one === 'object') ? ['cut-at-1'] : [];
}

function filled(tree) {
  return Array.isArray(tree) ? tree.map(one => (one === null ? {$: 'object', v: []} : filled(one))) : tree;
}

function unique(calls) {
  const seen = new Set();
  return calls.filter(one => {
    const text = JSON.stringify([one.path, one.name, one.args]);
    return seen.has(text) ? false : seen.add(text);
  });
}

module.exports = {candidates};
