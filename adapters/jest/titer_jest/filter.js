'use strict';
// jest's filter: which of the test files that it found are to be run. The user's own filter is asked first.

const current = require('./current');

const theirs = () => {
  const own = current.session && current.session.config.filter;
  return own ? require(own) : null;
};

/** Newer versions of jest want paths, older ones objects that hold them; each passes over the other's. */
const answer = paths => ({filtered: [...paths, ...paths.map(test => ({test}))]});

module.exports = async function filter(paths) {
  const own = theirs();
  let left = paths;
  if (own !== null) {
    const answered = await own(paths);
    // What jest would complain of is for jest to say.
    if (!answered || !Array.isArray(answered.filtered)) return answered;
    const wanted = new Set(answered.filtered.map(entry => (typeof entry === 'string' ? entry : entry && entry.test)));
    left = paths.filter(file => wanted.has(file));
  }
  const {session} = current;
  // With shards the sequencer leaves out, after every shard has got its share.
  const isOurs = session && !session.config.shard;
  const kept = isOurs && session.adapter.safely(() => session.filtered(left));
  return answer(kept || left);
};

module.exports.setup = async () => {
  const own = theirs();
  if (own !== null && own.setup) await own.setup();
};
