'use strict';
// The file tracer: a preloaded library that notes the file calls of the whole process, of native code and of children.
//
// It answers `access` on names in a folder that does not exist: that it answers shows that it is there, and the name says which
// window the calls of the process belong to from now on.

// Held here: it is wrapped later, and a test may replace it.
const {accessSync} = require('fs');

/** The window of what we, or jest on behalf of nobody, do: titer passes over it. */
const OURS = 0xffffffff;

class Tracer {
  constructor(folder) {
    this.own = `${folder}/window/${process.pid}-`;
  }

  /** The tracer that the plan names, if it is in this process, else null. The process is in window 0 then. */
  static found(folder) {
    if (!folder) return null;
    const tracer = new Tracer(folder);
    return tracer.enter(0) ? tracer : null;
  }

  enter(number) {
    try {
      accessSync(this.own + number);
      return true;
    } catch {
      return false;
    }
  }

  stepAside() {
    this.enter(OURS);
  }
}

module.exports = {Tracer};
