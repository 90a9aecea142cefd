'use strict';
// Our functions stand between those of node and their callers: errors that go through them must not speak of them.

/** Calls, and takes our own places out of the stack of what is thrown. */
function unseen(action) {
  // A stack has room for so many places; ours must not cost the caller any.
  const limit = Error.stackTraceLimit;
  const isWide = typeof limit === 'number' && limit > 0;
  if (isWide) Error.stackTraceLimit = limit + 4;
  try {
    return action();
  } catch (error) {
    cleaned(error, isWide ? limit : Infinity);
    throw error;
  } finally {
    if (isWide) Error.stackTraceLimit = limit;
  }
}

function cleaned(error, limit = Infinity) {
  try {
    if (error === null || typeof error !== 'object' || typeof error.stack !== 'string') return;
    if (!error.stack.includes(__dirname)) return;
    let places = 0;
    const lines = error.stack.split('\n').filter(line => {
      if (line.includes(__dirname)) return false;
      if (/^\s+at /.test(line)) places += 1;
      return places <= limit;
    });
    error.stack = lines.join('\n');
  } catch {
    // It is the user's error, whatever it looks like.
  }
}

/** The file whose code called, past the packages of these names and all that is node's or ours. */
function callerPast(packages) {
  const {prepareStackTrace, stackTraceLimit} = Error;
  try {
    Error.stackTraceLimit = 40;
    Error.prepareStackTrace = (_, sites) => sites;
    const sites = new Error().stack;
    const files = Array.isArray(sites) ? sites.map(site => site.getFileName()) : [];
    const isPassed = file => !file || file.startsWith('node:') || file.startsWith(__dirname) || packages.test(file);
    return files.find(file => !isPassed(file)) || '';
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

module.exports = {callerPast, cleaned, unseen};
