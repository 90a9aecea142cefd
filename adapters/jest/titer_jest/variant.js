'use strict';
// What the tests run under (`variant_v1`), and its digest: the same in every language of titer.

const {createHash} = require('crypto');
const fs = require('fs');
const path = require('path');

/** Settings that say where, how many at a time, and what is printed, and cannot change how a test ends. */
const IDLE = new Set([
  'bail', 'cacheDirectory', 'changedFilesWithAncestor', 'changedSince', 'ci', 'collectCoverageFrom', 'coverageDirectory',
  'coverageReporters', 'coverageThreshold', 'cwd', 'detectOpenHandles', 'errorOnDeprecated', 'expand', 'filter', 'findRelatedTests',
  'id', 'json', 'lastCommit', 'listTests', 'logHeapUsage', 'maxConcurrency', 'maxWorkers', 'nonFlagArgs', 'noSCM', 'noStackTrace',
  'notify', 'notifyMode', 'onlyChanged', 'onlyFailures', 'openHandlesTimeout', 'outputFile', 'passWithNoTests', 'reporters',
  'runInBand', 'runTestsByPath', 'seed', 'shard', 'showSeed', 'silent', 'testNamePattern', 'testPathPattern', 'testPathPatterns',
  'testResultsProcessor', 'testSequencer', 'useStderr', 'verbose', 'watch', 'watchAll', 'watchPlugins', 'watchman', 'workerIdleMemoryLimit',
]); // prettier-ignore

/** Variables that decide how node, jest and its transformers behave. */
const DECIDING = /^(TZ|LANG|LANGUAGE|LC_.*|NODE_(ENV|OPTIONS|PATH|ICU_DATA|PRESERVE_SYMLINKS.*)|BABEL_.*|SWC.*|TS_.*|JEST_(?!WORKER_ID).*|BROWSERSLIST.*|FORCE_COLOR|NO_COLOR)$/;

/** Files that package managers write when they have installed something. */
const INSTALLED = ['.package-lock.json', '.yarn-integrity', '.yarn-state.yml', '.modules.yaml'];

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.keys(value).sort(byCodePoint);
    return `{${members.map(name => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
  }
  return JSON.stringify(value === undefined ? null : value);
}

/** Rust orders names by their bytes; JavaScript by halves of characters. */
function byCodePoint(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function digest(value) {
  return createHash('sha256').update(canonical(value)).digest('hex').slice(0, 32);
}

function variantOf(plan, {globalConfig, configs}, environment, argv) {
  const settings = config => {
    const kept = Object.entries(config).filter(([name]) => !IDLE.has(name));
    return digest(plain(plan, Object.fromEntries(kept)));
  };
  const variables = Object.keys(environment).filter(name => DECIDING.test(name)).sort();
  const inputs = {
    runner: 'jest',
    version: versionOf(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    root: plan.name(globalConfig.rootDir) || '.',
    global: settings(globalConfig),
    // Coverage instruments the code; the rest of how it is measured does not matter to a test.
    projects: configs.map(settings),
    variables: Object.fromEntries(variables.map(name => [name, environment[name]])),
    policy: plan.variables,
    // One that is drawn for each run says nothing.
    seed: argv.seed === undefined ? null : argv.seed,
    installed: installed(plan, globalConfig.rootDir),
  };
  return {variant: digest(inputs), inputs};
}

/** A setting without the place where the repository lies; what is no data is told by its text. */
function plain(plan, value) {
  const text = JSON.stringify(value, (_, part) => {
    if (typeof part === 'function' || part instanceof RegExp) return String(part);
    return typeof part === 'bigint' ? `${part}n` : part;
  });
  return plan.roots.reduce((left, root) => left.split(root).join('<root>'), text);
}

function versionOf() {
  const file = Object.keys(require.cache).find(name => /[\\/]@jest[\\/]core[\\/]build[\\/]index\.js$/.test(name));
  if (file === undefined) return '';
  return JSON.parse(fs.readFileSync(path.join(path.dirname(file), '..', 'package.json'), 'utf8')).version;
}

/** What package managers wrote of what is installed, from the runner's folder up to the root. */
function installed(plan, folder) {
  const found = [];
  for (let at = folder; plan.name(at) !== null; at = path.dirname(at)) {
    for (const name of INSTALLED) {
      try {
        const text = fs.readFileSync(path.join(at, 'node_modules', name), 'utf8');
        found.push([`${plan.name(at)}/${name}`, digest(name.endsWith('.json') ? packagesOf(text) : text)]);
      } catch {
        // This package manager did not install here.
      }
    }
  }
  return found;
}

/** Of what npm wrote only what it installed: the project's own version stands there, too. */
function packagesOf(text) {
  const {packages} = JSON.parse(text);
  const installed = Object.entries(packages || {}).filter(([name, {link}]) => /(^|\/)node_modules\//.test(name) && !link);
  return Object.fromEntries(installed);
}

module.exports = {variantOf, digest};
