'use strict';
// Loaded into jest's process before jest: while the one test runs, every attempt at the network is kept and refused, and every timer that it
// waits for is counted. A server that the test itself started may be asked: requests to an app need one.

const dgram = require('dgram');
const dns = require('dns');
const net = require('net');
const timers = require('timers');

const MOST = 20;
const TEXT = 200;
const watch = {on: false, network: [], waits: [], errors: [], failing: [], seconds: 0};
process[Symbol.for('titer.guard')] = watch;
const listening = new Set();

function note(what) {
  if (watch.network.length < MOST) watch.network.push(what.slice(0, TEXT));
}

/** Puts a function in another's place that looks like it. */
function replace(owner, name, make) {
  const real = owner && owner[name];
  if (typeof real !== 'function') return;
  const made = make(real);
  for (const key of Reflect.ownKeys(real)) {
    const own = Object.getOwnPropertyDescriptor(made, key);
    if (!own || own.configurable) Object.defineProperty(made, key, Object.getOwnPropertyDescriptor(real, key));
  }
  owner[name] = made;
}

function refusal(where) {
  return Object.assign(new Error(`connect ECONNREFUSED ${where}: a guard has no network`), {code: 'ECONNREFUSED', syscall: 'connect'});
}

replace(net.Server.prototype, 'listen', real => function listen(...given) {
  this.once('listening', () => {
    const at = this.address();
    if (at && typeof at === 'object') listening.add(at.port);
  });
  return real.apply(this, given);
});

/** Where a socket is to be connected; nothing for a socket of the file system. */
function goal(given) {
  const first = Array.isArray(given[0]) ? given[0][0] : given[0];
  if (first && typeof first === 'object') return first.path ? undefined : {host: first.host || 'localhost', port: Number(first.port)};
  if (typeof first === 'string' && Number.isNaN(Number(first))) return undefined;
  return {host: typeof given[1] === 'string' ? given[1] : 'localhost', port: Number(first)};
}

replace(net.Socket.prototype, 'connect', real => function connect(...given) {
  const to = watch.on ? goal(given) : undefined;
  const own = to && ['localhost', '127.0.0.1', '::1', '::', '0.0.0.0'].includes(to.host) && listening.has(to.port);
  if (!to || own) return real.apply(this, given);
  const where = `${to.host}:${to.port}`;
  note(`connect ${where}`);
  process.nextTick(() => this.destroy(refusal(where)));
  return this;
});

for (const name of ['send', 'connect']) {
  replace(dgram.Socket.prototype, name, real => function refused(...given) {
    if (!watch.on) return real.apply(this, given);
    note(`${name} udp ${given.filter(one => ['string', 'number'].includes(typeof one)).join(':')}`);
    throw refusal('udp');
  });
}

for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6', 'resolveAny', 'resolveMx', 'resolveTxt', 'resolveSrv', 'reverse']) {
  replace(dns, name, real => function looked(host, ...given) {
    if (watch.on && host !== 'localhost' && !net.isIP(host || '')) note(`${name} ${host}`);
    return real.call(this, host, ...given);
  });
  replace(dns.promises, name, real => function looked(host, ...given) {
    if (watch.on && host !== 'localhost' && !net.isIP(host || '')) note(`${name} ${host}`);
    return real.call(this, host, ...given);
  });
}

/** Counts a timer that ends within the window that it began in. */
function counted(callback, delay) {
  if (!watch.on || !(delay >= 1) || typeof callback !== 'function') return callback;
  const began = performance.now();
  return function fired(...given) {
    if (watch.on) watch.waits.push([began, performance.now()]);
    return callback.apply(this, given);
  };
}

for (const name of ['setTimeout', 'setInterval']) {
  const make = real => function timed(callback, delay, ...given) {
    return real.call(this, counted(callback, delay), delay, ...given);
  };
  replace(globalThis, name, make);
  replace(timers, name, make);
}
// What `util.promisify(setTimeout)` gives is asked for there, too.
replace(timers.promises, 'setTimeout', real => async function waited(delay, ...given) {
  const began = performance.now();
  const was = watch.on;
  const value = await real.call(this, delay, ...given);
  if (was && watch.on && delay >= 1) watch.waits.push([began, performance.now()]);
  return value;
});
require('module').syncBuiltinESMExports();
