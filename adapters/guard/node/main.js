'use strict';
// The workbench of jest: one question of titer's in a file, its answer into another. `node main.js REQUEST.json ANSWER.json`, in a sandbox.

const fs = require('fs');

const VERSION = 1;
const DOES = {
  config: () => require('./project').config,
  evaluate: () => require('./replay').evaluate,
  judge: () => require('./judge').judge,
  reproduce: () => require('./replay').reproduce,
  write: () => require('./compose').write,
};

/** What a question comes to; whatever goes wrong is said in a sentence. */
function answered(request) {
  if (request.v !== VERSION) return {v: VERSION, refused: `version ${request.v} is not known`};
  const does = Object.hasOwn(DOES, request.do) ? DOES[request.do]() : undefined;
  if (does === undefined) return {v: VERSION, refused: `nobody knows how to ${request.do}`};
  try {
    return {v: VERSION, ...does(request)};
  } catch (error) {
    return {v: VERSION, refused: `${error && error.message}`.slice(0, 300)};
  }
}

const [asked, answer] = process.argv.slice(2);
fs.writeFileSync(answer, JSON.stringify(answered(JSON.parse(fs.readFileSync(asked, 'utf8')))));
