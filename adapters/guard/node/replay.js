'use strict';
// Starts jest with a test file of titer's own, in which calls are tried as the project's modules are run: through its transforms, in its environment.

const fs = require('fs');
const path = require('path');
const {candidates} = require('./candidates');
const {jest, last} = require('./project');

const ZONES = ['UTC', 'Asia/Kolkata'];

function started(request, asked, zone) {
  const out = path.join(process.env.TMPDIR, `replayed-${zone.replace(/\W/g, '')}.json`);
  const question = path.join(process.env.TMPDIR, 'replay.json');
  const {driver, entries, closed} = request.jest;
  fs.writeFileSync(question, JSON.stringify({root: request.root, driver, entries, closed, out, ...asked}));
  const words = ['--runInBand', '--silent', '--forceExit', '--coverage=false', '--reporters=default', '--runTestsByPath', path.join(request.root, driver)];
  const more = {TITER_REPLAY: question, TITER_REPLAY_PROGRAM: path.join(__dirname, 'inside.cjs'), TZ: zone};
  const ended = jest(request, words, more);
  if (!fs.existsSync(out)) throw new Error(`calls cannot be tried in the project's jest: ${last(ended)}`);
  return JSON.parse(fs.readFileSync(out, 'utf8'));
}

/** The answer to `reproduce`. */
function reproduce(request) {
  const {calls, attempts} = candidates(request.events, request.jest.functions);
  const told = calls.length > 0 ? started(request, {do: 'reproduce', calls, fault: request.fault}, ZONES[0]) : {found: null, attempts: []};
  return {...told, attempts: [...attempts, ...told.attempts].slice(0, 50)};
}

/** The answer to `evaluate`: what is not the same in another time zone is nothing to hold a test to. */
function evaluate(request) {
  const {call, error} = request.found;
  const asked = {do: 'evaluate', call, fault: error};
  const [one, other] = ZONES.map(zone => started(request, asked, zone));
  if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error('what the call gives differs from run to run');
  if (one.outcome === 'gone') throw new Error(`${call.name} of ${call.path} cannot be called any more: ${one.why}`);
  return one;
}

module.exports = {evaluate, reproduce};
