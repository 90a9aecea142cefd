'use strict';
// Runs within jest, as the project's modules do: tries calls, makes the one that fails as production did smaller, or says what a call gives.

const fs = require('fs');
const path = require('path');
const {framesOf} = require('./stacks.cjs');
const {inside} = require('./paths.cjs');
const {literal, made, treeOf} = require('./values.cjs');

const TRIES = 600;
const SECONDS = 20;

/** `load` gives a module's exports by its file, `again` forgets all modules. */
async function run({load, again}) {
  const asked = JSON.parse(fs.readFileSync(process.env.TITER_REPLAY, 'utf8'));
  const replay = new Replay(asked, load, again);
  const told = asked.do === 'evaluate' ? await replay.evaluated(asked.call) : await replay.reproduced(asked.calls);
  fs.writeFileSync(asked.out, JSON.stringify(told));
}

class Replay {
  constructor(asked, load, again) {
    Object.assign(this, {asked, load, again, tries: 0, until: Date.now() + 1000 * SECONDS});
  }

  /** The function of a call, by the shortest way to it from outside. */
  async found(call) {
    const ways = [...this.asked.entries, call.path].filter((file, at, all) => all.indexOf(file) === at);
    const open = ways.filter(file => file !== call.path || !this.asked.closed.includes(file));
    for (const file of open) {
      let exports;
      try {
        exports = await this.load(path.join(this.asked.root, file));
      } catch (error) {
        if (file === call.path) throw error;
        continue;
      }
      const way = wayTo(exports, call.name);
      // An entry that has another function of that name is none to it.
      const own = file === call.path ? way : way && (await this.isSame(way, call)) ? way : undefined;
      if (own) return {...own, file};
    }
    return undefined;
  }

  async isSame(way, call) {
    const own = wayTo(await this.load(path.join(this.asked.root, call.path)), call.name);
    return !own || own.call === way.call;
  }

  /** What a call does: a value, or how it fails. */
  async tried(call) {
    this.tries += 1;
    this.again();
    const way = await this.found(call);
    if (way === undefined) return {why: 'it is not exported'};
    let isLater = false;
    try {
      const receiver = way.owner ? way.owner() : undefined;
      const given = way.call.apply(receiver, call.args.map(made));
      isLater = Boolean(given) && typeof given.then === 'function';
      return {way, isLater, value: await given};
    } catch (error) {
      return {way, isLater, error, ...this.told(error)};
    }
  }

  told(error) {
    const own = framesOf(error && error.stack).map(one => ({...one, path: inside(this.asked.root, one.file)}));
    const at = own.find(one => one.path !== undefined && one.path !== this.asked.driver) || {path: '', line: 0, function: ''};
    const type = error && typeof error === 'object' ? `${error.name || error.constructor.name}` : typeof error;
    return {type, path: at.path, line: at.line, raw: at.function};
  }

  async reproduced(calls) {
    const attempts = [];
    const {fault} = this.asked;
    for (const call of calls) {
      const target = `${call.path} ${call.name}`;
      const seen = await this.tried(call);
      const isIt = seen.error !== undefined && seen.type === fault.type && seen.path === fault.path && (!fault.line || seen.line === fault.line);
      if (isIt) {
        const same = async args => {
          const other = await this.tried({...call, args});
          return other.error !== undefined && ['type', 'path', 'line'].every(name => other[name] === seen[name]);
        };
        const least = await this.smaller(call.args, same);
        return {found: this.kept(call, least, seen), whole: this.kept(call, call.args, seen), attempts};
      }
      const how = seen.error !== undefined ? `it raises ${seen.type} in ${seen.path || 'no file of the repository'}:${seen.line}` : 'it does not fail';
      attempts.push({rung: 'vars', target, why: seen.why || `called with what the event tells, ${how}`});
    }
    return {found: null, attempts};
  }

  kept(call, args, seen) {
    const {fault} = this.asked;
    const {way, isLater} = seen;
    const text = all => all.map(one => literal(one)).join('').length;
    return {
      rung: 'vars',
      flags: [...call.flags, ...(way.owner ? ['receiver-guessed'] : [])],
      target: {module: call.path, name: call.name},
      error: {type: seen.type, module: '', path: seen.path, function: fault.function, line: seen.line},
      characters: {before: text(call.args), after: text(args)},
      call: {path: call.path, name: call.name, file: way.file, import: way.import, shape: way.shape, args, isLater, raw: seen.raw},
    };
  }

  /** Fewer and plainer arguments with which it fails just so (Zeller and Hildebrandt's ddmin, on lists and members). */
  async smaller(args, same) {
    const holds = async trees => this.tries < TRIES && Date.now() < this.until && (await same(trees));
    let least = args;
    // What was left out of a call is told as undefined; what was given is part of how it is called.
    while (isOmitted(least[least.length - 1]) && (await holds(least.slice(0, -1)))) least = least.slice(0, -1);
    for (let at = 0; at < least.length; at += 1) {
      const put = tree => [...least.slice(0, at), tree, ...least.slice(at + 1)];
      least = put(await this.plainer(least[at], tree => holds(put(tree))));
    }
    return least;
  }

  async plainer(tree, holds) {
    if (typeof tree === 'string') return this.shorter([...tree], parts => holds(parts.join('')), parts => parts.join(''));
    if (typeof tree === 'number') {
      for (const one of [0, 1]) if (Math.abs(tree) > one && (await holds(one))) return one;
      return tree;
    }
    const isList = Array.isArray(tree);
    if (!isList && (tree === null || tree.$ !== 'object')) return tree;
    const built = isList ? parts => parts : parts => ({$: 'object', v: parts});
    let parts = (await this.shorter(isList ? tree : tree.v, kept => holds(built(kept)), kept => kept)) || [];
    for (let at = 0; at < parts.length; at += 1) {
      const put = one => [...parts.slice(0, at), isList ? one : [parts[at][0], one], ...parts.slice(at + 1)];
      const own = await this.plainer(isList ? parts[at] : parts[at][1], one => holds(built(put(one))));
      parts = put(own);
    }
    return built(parts);
  }

  async shorter(parts, holds, built) {
    if (parts.length > 0 && (await holds([]))) return built([]);
    let kept = parts;
    for (let size = Math.ceil(kept.length / 2); size >= 1 && kept.length > 1; ) {
      let cut = false;
      for (let at = 0; at < kept.length; at += size) {
        const rest = [...kept.slice(0, at), ...kept.slice(at + size)];
        if (rest.length > 0 && (await holds(rest))) {
          [kept, cut] = [rest, true];
          break;
        }
      }
      if (!cut && size === 1) break;
      if (!cut) size = Math.floor(size / 2);
      else size = Math.min(size, Math.ceil(kept.length / 2));
    }
    return built(kept);
  }

  /** What a call gives; an error by its class, where a test can name that. */
  async evaluated(call) {
    const seen = await this.tried(call);
    if (seen.why) return {outcome: 'gone', why: seen.why};
    const later = {isLater: seen.isLater};
    if (seen.error !== undefined) {
      const {fault} = this.asked;
      if (seen.type === fault.type && seen.path === fault.path && seen.raw === call.raw) return {outcome: 'same-error'};
      const kind = seen.error && seen.error.constructor && seen.error.constructor.name;
      const isBuiltIn = typeof globalThis[kind] === 'function' && seen.error instanceof globalThis[kind] && kind === seen.type && kind !== 'Error';
      const exports = await this.load(path.join(this.asked.root, seen.way.file));
      const isExported = Object.hasOwn(exports, kind) && seen.error instanceof exports[kind];
      return {outcome: 'raises', type: seen.type, by: isBuiltIn ? 'name' : isExported ? 'import' : 'member', ...later};
    }
    const whole = treeOf(seen.value);
    if (whole !== undefined) return {outcome: 'value', tree: whole.tree, ...later};
    const pairs = Object.entries(Object(seen.value)).map(([name, one]) => [name, treeOf(one)]);
    const plain = pairs.filter(([, one]) => one !== undefined).map(([name, one]) => [name, one.tree]);
    return {outcome: 'opaque', tree: {$: 'object', v: plain}, ...later};
  }
}

function isOmitted(tree) {
  return tree !== null && typeof tree === 'object' && tree.$ === 'undefined';
}

/** How a function of this name is reached from what a module exports; nothing where it is not. */
function wayTo(exports, name) {
  const [first, second] = name.split('.');
  const whole = exports && exports.__esModule && exports.default !== undefined ? exports.default : exports;
  if (['module.exports', 'default'].includes(name) || (typeof whole === 'function' && whole.name === name)) {
    const own = exports && typeof exports === 'object' && typeof exports.default === 'function' ? exports.default : whole;
    return typeof own === 'function' ? {call: own, shape: 'default', import: /^[A-Za-z_$][\w$]*$/.test(own.name) ? own.name : 'run'} : undefined;
  }
  const holders = [exports, exports && exports.default].filter(one => one !== null && ['object', 'function'].includes(typeof one));
  for (const holder of holders) {
    const own = Object.hasOwn(holder, first) ? holder[first] : undefined;
    if (second === undefined && typeof own === 'function') return {call: own, shape: 'name', import: first};
    if (second === undefined || typeof own !== 'function') continue;
    if (second === 'constructor') return undefined;
    if (typeof own[second] === 'function') return {call: own[second], owner: () => own, shape: 'static', import: first};
    const method = own.prototype && own.prototype[second];
    if (typeof method === 'function') return {call: method, owner: () => new own(), shape: 'method', import: first};
  }
  return undefined;
}

module.exports = {run};
