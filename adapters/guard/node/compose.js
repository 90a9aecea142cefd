'use strict';
// The test file as a colleague would write it: literals, one test, no helper of ours, a comment that says which fault it guards against.

const path = require('path');
const {literal, quoted} = require('./values.cjs');

const WIDTH = 96;

/** The answer to `write`. */
function write(request) {
  const {found, evaluated, fault} = request;
  const {file, style} = request.jest;
  const {call} = found;
  if (evaluated && evaluated.outcome === 'same-error') throw new Error('the fixed code raises the same error: there is nothing to hold it to');
  if (evaluated && evaluated.outcome === 'opaque' && evaluated.tree.v.length === 0) throw new Error('the call gives nothing that a literal can say');
  const names = [call.import, ...(evaluated && evaluated.by === 'import' ? [word(evaluated.type)] : [])];
  const title = titled(call);
  const isLater = evaluated ? evaluated.isLater : call.isLater;
  const body = evaluated ? held(call, evaluated) : awaited(call, word(fault.type));
  const begin = `test${evaluated ? '' : '.failing'}(${quoted(title)}, ${isLater ? 'async ' : ''}() => {`;
  const id = `${fault.id}`.replace(/[^\w-]/g, '').slice(0, 64);
  const place = `${fault.function}`.replace(/[^\w.<>]/g, '').slice(0, 100);
  const head = [`// Guards against fault ${id}: ${word(fault.type)}${place ? ` in ${place}` : ''}.`];
  const why = evaluated ? [] : ['// There is no fix yet. `test.failing` is strict: it turns red when the call no longer fails, or fails otherwise.'];
  const words = body.some(line => line.includes('expect(')) ? ['expect', 'test'] : ['test'];
  const lines = [...head, ...globals(words, style), imported(call, names, file, style), '', ...why, begin, ...body.map(line => (line === '' ? '' : `  ${line}`)), '});', ''];
  const isWeak = Boolean(evaluated) && evaluated.outcome === 'opaque';
  return {text: lines.join('\n'), test: title, weak: isWeak};
}

function word(text) {
  return `${text}`.replace(/[^\w$]/g, '').slice(0, 80) || 'Error';
}

/** `quote given an array and a text`. */
function titled(call) {
  const kinds = call.args.slice(0, 3).map(kind);
  const given = kinds.length > 1 ? `${kinds.slice(0, -1).join(', ')} and ${kinds[kinds.length - 1]}` : kinds[0];
  const name = call.shape === 'default' ? call.import : call.name;
  return `${name.replace(/[^\w$.]/g, '')} given ${given || 'nothing'}`;
}

function kind(tree) {
  if (Array.isArray(tree)) return tree.length === 0 ? 'an empty array' : 'an array';
  if (typeof tree === 'string') return tree === '' ? 'an empty text' : 'a text';
  if (typeof tree === 'number') return 'a number';
  if (tree === null || typeof tree === 'boolean') return `${tree}`;
  return {object: tree.v && tree.v.length === 0 ? 'an empty object' : 'an object', bigint: 'a bigint', date: 'a date'}[tree.$] || tree.$;
}

/** The line that brings in jest's own words, where the project's tests do so. */
function globals(words, style) {
  if (!style.globals) return [];
  const group = spaced(`{${words.join(', ')}}`, style);
  return [style.modules ? `import ${group} from '@jest/globals';` : `const ${group} = require('@jest/globals');`];
}

/** The line that brings in what is called, as the project's own files do. */
function imported(call, names, file, style) {
  let from = path.posix.relative(path.posix.dirname(file), call.file);
  if (!from.startsWith('.')) from = `./${from}`;
  if (!style.endings) from = from.replace(/\.(js|jsx|ts|tsx)$/, '').replace(/\/index$/, '') || '.';
  const [first, ...rest] = names;
  if (style.modules) {
    const group = call.shape === 'default' ? [first, ...(rest.length ? [`{${rest.join(', ')}}`] : [])].join(', ') : `{${names.join(', ')}}`;
    return `import ${spaced(group, style)} from ${quoted(from)};`;
  }
  const whole = call.shape === 'default' ? first : spaced(`{${names.join(', ')}}`, style);
  return `const ${whole} = require(${quoted(from)});`;
}

function spaced(group, style) {
  return style.spaces ? group.replace(/^(.*)\{(.*)\}$/, '$1{ $2 }') : group;
}

function called(call, indent) {
  const last = call.name.split('.').pop();
  const function_ = {default: call.import, name: call.import, static: `${call.import}.${last}`, method: `new ${call.import}().${last}`}[call.shape];
  return `${function_}(${call.args.map(one => literal(one, indent, WIDTH)).join(', ')})`;
}

/** What the fixed code gives. */
function held(call, evaluated) {
  const code = called(call, '');
  if (evaluated.outcome === 'raises') {
    const name = word(evaluated.type);
    const what = evaluated.by === 'member' ? `expect.objectContaining({name: ${quoted(name)}})` : name;
    return [evaluated.isLater ? `await expect(${code}).rejects.toThrow(${what});` : `expect(() => ${code}).toThrow(${what});`].flatMap(split);
  }
  const subject = evaluated.isLater ? `await ${code}` : code;
  const matcher = evaluated.outcome === 'opaque' ? 'toMatchObject' : matcherOf(evaluated.tree);
  const isWord = ['toBeUndefined', 'toBeNaN', 'toBeNull'].includes(matcher);
  const flat = `expect(${subject}).${matcher}(${isWord ? '' : literal(evaluated.tree, '', 10000)});`;
  if (flat.length + 2 <= WIDTH && !flat.includes('\n')) return [flat];
  return [`const result = ${subject};`, `expect(result).${matcher}(${isWord ? '' : literal(evaluated.tree, '', WIDTH - 30)});`].flatMap(split);
}

function matcherOf(tree) {
  if (tree === null) return 'toBeNull';
  if (typeof tree !== 'object') return 'toBe';
  return {undefined: 'toBeUndefined', NaN: 'toBeNaN', Infinity: 'toBe', '-Infinity': 'toBe', bigint: 'toBe'}[tree.$] || 'toEqual';
}

/** As long as there is no fix: any other error than the fault's is no failure, and so turns it red, too. */
function awaited(call, type) {
  const code = called(call, '  ');
  return ['try {', ...split(`  ${call.isLater ? 'await ' : ''}${code};`), '} catch (error) {', `  if (error.name === ${quoted(type)}) throw error;`, '}'];
}

function split(text) {
  return text.split('\n');
}

module.exports = {write};
