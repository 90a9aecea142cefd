'use strict';
// The project's own jest: how it is started here, and what its configuration says.

const path = require('path');
const {spawnSync} = require('child_process');

const LONGEST = 64 << 20;

/** Runs jest in the project's folder, quietly, with its cache in the private folder. */
function jest(request, words, more = {}) {
  const {program, folder, modules} = request.jest;
  const flags = modules ? ['--experimental-vm-modules', '--no-warnings'] : [];
  const cache = path.join(process.env.TMPDIR, 'cache');
  const usual = ['--ci', '--watchman=false', '--colors=false', `--cacheDirectory=${cache}`];
  const environment = {...process.env, ...more, NODE_OPTIONS: [process.env.NODE_OPTIONS, more.NODE_OPTIONS].filter(Boolean).join(' ')};
  return spawnSync(process.execPath, [...flags, program, ...usual, ...words], {
    cwd: path.join(request.root, folder),
    env: environment,
    encoding: 'utf8',
    maxBuffer: LONGEST,
  });
}

/** What a program said last, without what leads to lines of its own. */
function last(ended) {
  if (ended.error) return ended.error.message;
  const lines = `${ended.stderr}\n${ended.stdout}`.split('\n').map(line => line.trim());
  const said = lines.filter(line => line !== '' && !line.startsWith('at '));
  return (said.find(line => /error|cannot|not found|invalid/i.test(line)) || said[0] || 'nothing').slice(0, 200);
}

/** The environments that the project's tests run in, by the folder of each configuration. */
function config(request) {
  const ended = jest(request, ['--showConfig']);
  let told;
  try {
    told = JSON.parse(ended.stdout.slice(ended.stdout.indexOf('{')));
  } catch {
    throw new Error(`jest cannot read the project's configuration: ${last(ended)}`);
  }
  const environments = told.configs.map(one => [one.rootDir, one.testEnvironment]);
  const strange = told.configs.map(one => one.testRunner).find(runner => /jasmine/.test(runner));
  if (strange) throw new Error('its tests run under jasmine, and only jest-circus tells how a test failed');
  return {environments, version: told.version, vary: varies(told.version)};
}

/** Whether this jest can run tests in an order that a seed says. */
function varies(version) {
  const [major, minor] = `${version}`.split('.').map(Number);
  return major > 29 || (major === 29 && minor >= 6);
}

module.exports = {config, jest, last};
