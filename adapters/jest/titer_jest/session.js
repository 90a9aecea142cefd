'use strict';
// One call of jest: its configuration, the variant that it runs under, what of the plan holds for it, and our reporter and filter.

const path = require('path');

const current = require('./current');
const {isOwn} = require('./shard');
const {cleaned} = require('./stacks');
const {variantOf} = require('./variant');

class Session {
  constructor(adapter) {
    this.adapter = adapter;
    this.kept = 0;
    this.dropped = 0;
    this.over = 0;
    this.leftOut = new Map();
    this.shard = null;
    current.session = this;
  }

  /** jest-config, in a form that hands out configurations with our reporter and filter in them. */
  configured(exports) {
    const session = this;
    const copy = Object.create(Object.getPrototypeOf(exports), Object.getOwnPropertyDescriptors(exports));
    const readConfigs = async function readConfigs(argv) {
      let found;
      try {
        found = await Reflect.apply(exports.readConfigs, this, arguments);
      } catch (error) {
        cleaned(error);
        throw error;
      }
      return session.adapter.safely(() => session.prepared(argv, found)) || found;
    };
    Object.defineProperty(copy, 'readConfigs', {value: readConfigs, enumerable: true, configurable: true});
    return copy;
  }

  prepared(argv, found) {
    const {adapter} = this;
    const {globalConfig: config} = found;
    // A program may call jest several times.
    Object.assign(this, {config, kept: 0, dropped: 0, over: 0, leftOut: new Map(), shard: null});
    const {variant, inputs} = variantOf(adapter.plan, found, process.env, argv);
    const listing = Boolean(config.listTests || config.collectTests || argv.showConfig || argv.clearCache || argv.init);
    const whole = this.whole(config, found.configs);
    adapter.events.write({
      e: 'session',
      rootdir: adapter.plan.name(config.rootDir) || '.',
      inipath: null,
      variant,
      inputs,
      whole: whole || null,
      writes: false,
      coverage: Boolean(config.collectCoverage),
      collect_only: listing,
      launch: {exe: process.execPath, sites: []},
    });
    if (listing || config.watch || config.watchAll) return found;
    if (!whole) {
      this.leftOut = adapter.plan.leftOut(variant);
      this.shard = adapter.plan.shard || null;
    }
    return {...found, globalConfig: this.withUs(config)};
  }

  /** Why nothing may be left out of this call, if so. */
  whole(config, projects) {
    const {plan} = this.adapter;
    if (plan.whole) return plan.whole;
    if (config.watch || config.watchAll) return 'jest watches';
    if (config.skipFilter) return 'jest is told to skip filters';
    // Of its share no other shard would run what titer leaves to it.
    if (plan.shard && config.shard) return 'jest shares the tests out itself';
    // Names that the project gives its modules are looked up in a list that is made while nobody sees it.
    if (projects.some(({haste}) => haste && haste.hasteImplModulePath)) return 'modules have names of their own';
    const isGated = config.collectCoverage && Object.keys(config.coverageThreshold || {}).length > 0;
    return isGated && plan.coverage !== 'ignore' ? 'a coverage threshold is in force' : '';
  }

  withUs(config) {
    const session = this;
    // What jest loads by its path later on is loaded now: then it is there whatever becomes of the files.
    for (const name of ['reporter.js', 'filter.js']) require(path.join(__dirname, name));
    const ours = {
      ...config,
      reporters: [[path.join(__dirname, 'reporter.js'), {}], ...(config.reporters || [['default', {}]])],
    };
    if (!config.skipFilter) ours.filter = path.join(__dirname, 'filter.js');
    // Every shard has the same share of all files, whatever each knows.
    const isOrdered = (this.adapter.plan.files || []).length > 0;
    if ((config.shard || isOrdered) && this.canSequence(config)) ours.testSequencer = path.join(__dirname, 'sequencer.js');
    Object.defineProperty(ours, 'passWithNoTests', {
      enumerable: true,
      configurable: true,
      get: () => Boolean(config.passWithNoTests) || session.isAllOurs(),
    });
    return ours;
  }

  /** The process ends: whether it had come to all of its test files. */
  ended(exit) {
    const {shard} = this.config || {};
    this.adapter.events.write({e: 'end', exit, cut: !shard && this.over < this.kept});
  }

  /** Whether our sequencer can be put before the user's; where not, no shard leaves out anything. */
  canSequence(config) {
    try {
      require(config.testSequencer);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether there would be tests without us. */
  isAllOurs() {
    return this.dropped > 0 && this.kept === 0 && !this.config.onlyFailures;
  }

  /** Whether no other shard runs a test file. */
  isOwn(name) {
    // What a file outside is called may differ from shard to shard.
    return this.shard === null || name === null || isOwn(this.shard, name);
  }

  /** The paths of one project that are not left out. */
  filtered(paths) {
    const {adapter} = this;
    const kept = [];
    const ids = [];
    for (const file of paths) {
      const name = adapter.plan.name(file);
      const left = this.leftOut.get(name);
      if (left !== undefined) ids.push(...left);
      else if (this.isOwn(name)) kept.push(file);
    }
    if (kept.length === 0 && adapter.plan.orphans && paths.length > 0) {
      // jest looks for snapshots that belong to no test only where some test runs, and fails when it finds one.
      kept.push(paths[0]);
      const left = new Set(this.leftOut.get(adapter.plan.name(paths[0])));
      ids.splice(0, ids.length, ...ids.filter(id => !left.has(id)));
    }
    this.kept += kept.length;
    this.dropped += paths.length - kept.length;
    adapter.events.write({e: 'collected', ids, filtered: 0, errors: 0, files: []});
    return kept;
  }
}

module.exports = {Session};
