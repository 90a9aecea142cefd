'use strict';
// jest's test sequencer where the tests are sharded: the share of a shard must not depend on what this one would leave out, so
// files are left out after jest has shared them out. Everything else is the user's own sequencer.

const current = require('./current');

const {session} = current;
const theirs = require(session.config.testSequencer);
const Base = theirs.default || theirs;

module.exports = class extends Base {
  async shard(tests, options) {
    const own = await super.shard(tests, options);
    const kept = session.adapter.safely(() => new Set(session.filtered(own.map(test => test.path))));
    return kept ? own.filter(test => kept.has(test.path)) : own;
  }
};
