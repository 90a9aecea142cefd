'use strict';
// Windows: one for each test file, one for the process, which holds what no test file's window explains.

const {readFileSync} = require('fs');
const path = require('path');
const threads = require('worker_threads');

const {namedIn} = require('./variables');

const SOURCE = /\.[cm]?[jt]sx?$/;
/** What loads plugins, and what names them. */
const TRANSFORMER = /[\\/]node_modules[\\/](@babel[\\/]core|ts-jest|@swc[\\/]jest)[\\/]/;
const CONFIGURATION = /(^|[\\/])(babel\.config|\.babelrc)\.\w+$/;
/** Between the numbers of two threads of one process. */
const THREAD = 1000000;

class Window {
  constructor(kind, name, number) {
    Object.assign(this, {kind, name, number, byBytes: () => false, sawText: false, isOpen: true});
    this.codes = new Set();
    this.compiled = new Set();
    this.reads = new Set();
    this.lists = new Set();
    this.asked = new Set();
    this.wrote = new Set();
    this.ignored = new Set();
    this.started = new Set();
    this.by = new Set();
    this.types = new Set();
    this.places = new Set();
    this.variables = new Set();
  }
}

class Windows {
  constructor(adapter) {
    this.adapter = adapter;
    this.process = new Window('process', '', 0);
    this.test = null;
    this.last = threads.isMainThread ? 0 : threads.threadId * THREAD;
    this.codes = new Map();
    this.told = new Map();
    this.cached = 0;
    this.isMuted = 0;
    this.hasReader = false;
  }

  get current() {
    return this.test || this.process;
  }

  /** A test file begins. */
  begin(file, byBytes) {
    if (this.test !== null) this.end(this.test);
    const name = this.adapter.plan.name(file);
    this.last += 1;
    this.test = new Window('test', `jest::${name === null ? file : name}`, this.last);
    this.test.byBytes = byBytes;
    this.test.file = name;
    if (this.adapter.tracer) this.adapter.tracer.enter(this.last);
    // Read by the runner before there was a window.
    if (name !== null) this.test.codes.add(name);
    return this.test;
  }

  end(window) {
    if (!window.isOpen) return;
    window.isOpen = false;
    if (this.test === window) this.test = null;
    if (this.adapter.tracer) this.adapter.tracer.enter(0);
    const lines = [];
    // Whatever cuts this short, no window is told without what the process did for it.
    this.processLine(lines);
    this.lineOf(window, lines);
    this.adapter.events.writeAll(lines);
  }

  /** What has been seen until now; a window that is still open stays without an end. */
  flush() {
    const lines = [];
    if (this.test !== null) {
      this.test.unfinished = true;
    }
    this.processLine(lines);
    if (this.test !== null) this.lineOf(this.test, lines);
    this.adapter.events.writeAll(lines);
  }

  // ---- what is seen

  loaded(name, window = this.current) {
    if (SOURCE.test(name) && !window.byBytes(name) && !window.sawText) window.codes.add(name);
    else window.reads.add(name);
  }

  /** What a test may have been told of the text of its functions counts with comments and layout. */
  textSeen(window) {
    window.sawText = true;
  }

  /** A module was looked for there, with whatever ending. */
  lookedFor(name) {
    if (!this.isMuted) this.current.places.add(name);
  }

  started(how, program) {
    if (this.isMuted) return;
    this.current.started.add(`${how} ${String(program).split(' ')[0]}`);
  }

  knows(name) {
    const {test} = this;
    if (test === null) return false;
    return test.reads.has(name) || test.codes.has(name) || test.lists.has(name) || test.asked.has(name);
  }

  // ---- writing down

  codeOf(name, lines) {
    let number = this.codes.get(name);
    if (number === undefined) {
      number = this.codes.size;
      this.codes.set(name, number);
      lines.push({e: 'code', i: number, p: name, l: 0, q: '*'});
    }
    return [number, -1];
  }

  lineOf(window, lines) {
    const reads = new Set(window.reads);
    if (window.sawText || (this.hasReader && window.kind === 'test')) for (const name of window.codes) reads.add(name);
    if (window.listsVariables) this.addVariables(window);
    const file = window.file;
    // Two see every load: the read of the source and the compilation of what was made of it.
    const isWhole = file === null || window.compiled.has(file) || window.kind === 'process';
    for (const name of window.compiled) if (!reads.has(name)) window.codes.add(name);
    lines.push({
      e: 'window',
      w: window.number,
      k: window.kind,
      n: window.name,
      codes: [...window.codes].map(name => this.codeOf(name, lines)),
      reads: [...reads],
      lists: [...window.lists],
      asked: [...window.asked],
      wrote: [...window.wrote],
      ignored: [...window.ignored],
      started: [...window.started],
      places: [...window.places],
      variables: [...window.variables],
      by: [...window.by].map(name => [name, -1]),
      closed: isWhole && !window.unfinished,
    });
  }

  /** Whoever goes through all variables depends on which there are, and on those that the sources name. */
  addVariables(window) {
    window.variables.add('=');
    for (const name of window.codes) {
      try {
        const text = readFileSync(path.join(this.adapter.plan.roots[0], name), 'utf8');
        for (const word of namedIn(text)) window.variables.add(word);
      } catch {
        // It is gone: the next run will find that out.
      }
    }
  }

  /** What the process has seen since this was written last. */
  processLine(lines) {
    this.addCached();
    const window = this.process;
    const fresh = new Window('process', '', 0);
    let any = false;
    for (const sort of ['codes', 'reads', 'lists', 'asked', 'ignored', 'started', 'wrote', 'places']) {
      const told = this.toldOf(sort);
      for (const name of window[sort]) {
        if (told.has(name)) continue;
        told.add(name);
        fresh[sort].add(name);
        any = true;
      }
      window[sort].clear();
    }
    if (any) this.lineOf(fresh, lines);
    const known = this.toldOf('types');
    const types = [...window.types].filter(name => !known.has(name));
    for (const name of types) known.add(name);
    if (types.length > 0) lines.push({e: 'types', p: types});
    window.types.clear();
  }

  toldOf(sort) {
    if (!this.told.has(sort)) this.told.set(sort, new Set());
    return this.told.get(sort);
  }

  /** Modules that node itself loaded for jest: configuration, environments, transformers, reporters. */
  addCached() {
    const cache = require.cache;
    const files = Object.keys(cache);
    if (files.length === this.cached) return;
    this.cached = files.length;
    for (const file of files) {
      const name = this.adapter.plan.name(file);
      if (name !== null) {
        // What a transformer was given by the project may look at anything in a source, comments too.
        const parent = cache[file] && cache[file].parent;
        const asker = (parent && parent.filename) || '';
        this.hasReader ||= TRANSFORMER.test(asker) ? !CONFIGURATION.test(name) : CONFIGURATION.test(asker);
        this.process.reads.delete(name);
        // What somebody asked for as a module counts whole, a table like any other file.
        if (SOURCE.test(name)) this.loaded(name, this.process);
        else this.process.codes.add(name);
      }
    }
  }
}

module.exports = {Windows, SOURCE};
