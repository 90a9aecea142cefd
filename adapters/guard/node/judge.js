'use strict';
// Runs one test with the project's jest, once, and tells what came of it: the error itself, also where a test is expected to fail.

const fs = require('fs');
const path = require('path');
const {inside} = require('./paths.cjs');
const {jest, last} = require('./project');
const {framesOf} = require('./stacks.cjs');

const TEXT = 200;

/** The answer to `judge`. */
function judge(request) {
  const {root, file, test, crash} = request;
  if (!fs.existsSync(path.join(root, file))) throw new Error(`${file} is not in the tree`);
  const out = path.join(process.env.TMPDIR, 'told.json');
  const {environment, environments, folder, vary, seed} = request.jest;
  const words = [
    '--runInBand',
    '--silent',
    '--forceExit',
    `--env=${path.join(__dirname, 'environment.cjs')}`,
    `--reporters=${path.join(__dirname, 'reporter.cjs')}`,
    ...(vary ? ['--randomize', `--seed=${seed}`] : []),
    ...(crash ? covering(crash.path, folder) : ['--coverage=false']),
    '--runTestsByPath',
    path.join(root, file),
  ];
  const more = {
    NODE_OPTIONS: `--require ${JSON.stringify(path.join(__dirname, 'preload.cjs'))}`,
    TITER_GUARD: JSON.stringify({out, environment, environments, file: path.join(root, file)}),
  };
  const ended = jest(request, words, more);
  if (!fs.existsSync(out)) throw new Error(`jest ended without a word of the test: ${last(ended)}`);
  const told = JSON.parse(fs.readFileSync(out, 'utf8'));
  const own = told.tests.filter(one => one.name === test || !test);
  // In two configurations it is there twice: what failed once failed.
  const seen = own.find(one => one.status === 'failed') || own[0];
  return {
    ...outcome(told, seen, root, file),
    hit: crash ? hit(path.join(root, crash.path), crash.line) : null,
    seconds: told.seconds,
    network: told.network,
    slept: told.slept,
    clock: false,
  };
}

function outcome(told, seen, root, file) {
  if (told.broken !== null) return {outcome: 'error', error: described({name: 'Error', stack: told.broken, text: plain(told.broken)}, root, file)};
  if (seen === undefined) {
    const names = told.tests.map(one => one.name).join(', ').slice(0, TEXT) || 'none';
    return {outcome: 'missing', error: {type: '', text: `its tests are: ${names}`}};
  }
  // The name of a test is not its own in two configurations, but its errors tell the same.
  const error = told.errors.find(one => one.name === seen.name);
  const failing = told.failing.includes(seen.name);
  const ended = {passed: failing ? 'xfailed' : 'passed', failed: failing ? 'xpassed' : 'failed'}[seen.status] || 'skipped';
  const shown = ended === 'failed' || ended === 'xfailed';
  return {outcome: ended, error: shown && error ? described(error.error, root, file) : null};
}

/** What a compiler or a module said, in one line. */
function plain(text) {
  // eslint-disable-next-line no-control-regex
  const lines = text.replace(/\u001b\[[0-9;]*m/g, '').split('\n').map(line => line.trim());
  return lines.filter(line => line !== '' && !line.startsWith('at ')).join(' ');
}

/** Where it failed: the innermost frame that is the project's, beside the test itself. */
function described({name, stack, text, asserts}, root, file) {
  const frames = framesOf(stack).map(frame => ({...frame, path: inside(root, frame.file)}));
  const own = frames.filter(frame => frame.path !== undefined);
  const at = own.find(frame => frame.path !== file) || own[0] || {path: null, function: null, line: null};
  const type = asserts ? 'JestAssertionError' : name;
  return {type, module: '', path: at.path, function: at.function, line: at.line, text: text.slice(0, TEXT)};
}

/** The options by which jest says which lines of one file ran. */
function covering(file, folder) {
  // Brackets in a name are a pattern of their own.
  const pattern = path.relative(folder || '.', file).replace(/[^\w./-]/g, '?');
  return [
    '--coverage',
    '--coverageProvider=babel',
    '--coverageReporters=json',
    `--coverageDirectory=${path.join(process.env.TMPDIR, 'coverage')}`,
    `--collectCoverageFrom=${JSON.stringify([pattern, `**/${pattern}`])}`,
    '--coveragePathIgnorePatterns=/node_modules/',
    '--coverageThreshold={}',
  ];
}

/** Whether the innermost statement on a line ran; nothing where there is none. */
function hit(file, line) {
  let all;
  try {
    all = JSON.parse(fs.readFileSync(path.join(process.env.TMPDIR, 'coverage', 'coverage-final.json'), 'utf8'));
  } catch {
    return null;
  }
  const told = all[fs.realpathSync(file)] || all[file];
  if (!told) return null;
  const around = Object.entries(told.statementMap).filter(([, {start, end}]) => start.line <= line && line <= end.line);
  if (around.length === 0) return null;
  const span = ([, {start, end}]) => end.line - start.line;
  const least = Math.min(...around.map(span));
  return around.filter(one => span(one) === least).some(([key]) => told.s[key] > 0);
}

module.exports = {described, judge};
