'use strict';
// Stacks as V8 prints them, and as jest maps them to the sources.

const {fileURLToPath} = require('url');

const FRAME = /^\s*at (?:(.*?) \()?(.*?):(\d+):\d+\)?$/;

/** The frames, innermost first. */
function framesOf(stack) {
  return `${stack || ''}`.split('\n').map(frameOf).filter(Boolean);
}

function frameOf(line) {
  const found = FRAME.exec(line);
  if (!found) return undefined;
  const [, name, place, number] = found;
  return {file: fileOf(place.replace(/^async /, '')), function: plain(name || ''), line: Number(number)};
}

function fileOf(place) {
  try {
    return place.startsWith('file:') ? fileURLToPath(place) : place;
  } catch {
    return place;
  }
}

/** A function's own name: without what it was called on or as. */
function plain(name) {
  const own = name.replace(/ \[as .*\]$/, '').replace(/^(async|new) /, '');
  const last = own.slice(own.lastIndexOf('.') + 1);
  return last === '<anonymous>' ? '' : own.replace(/^(Object|Module|exports|Function)\./, '');
}

module.exports = {framesOf};
