'use strict';
// jest's test sequencer where the tests are sharded or an order is asked for: the share of a shard must not depend on what this one
// would leave out, so files are left out after jest has shared them out. Everything else is the user's own sequencer.

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

  async sort(tests) {
    const own = [...(await super.sort(tests))];
    const {plan} = session.adapter;
    const places = new Map((plan.files || []).map((file, at) => [file, at + 1]));
    // Files that the plan does not name are new: they stand first.
    const place = test => places.get(plan.name(test.path)) || 0;
    return session.adapter.safely(() => own.sort((a, b) => place(a) - place(b))) || own;
  }
};
