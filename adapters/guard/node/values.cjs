'use strict';
// Values of arguments as trees that JSON can hold, and as the text of literals. A tree is a primitive, an array of trees, or `{$, v}`:
// `undefined`, `NaN`, `Infinity`, `-Infinity`, `bigint`, `date` (milliseconds), `object` (pairs).

const DEEPEST = 20;
const LONGEST = 10000;
const WORDS = {undefined: undefined, NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity};

/** What a local variable of an event stands for; `undefined` where that cannot be made again. */
function read(told, depth = 0) {
  if (depth > DEEPEST) return undefined;
  if (typeof told === 'string' && told.length > LONGEST) return undefined;
  if (depth === 0 && typeof told === 'string' && /^<.*>$/s.test(told)) return described(told.slice(1, -1));
  if (told === null || typeof told !== 'object') return {tree: told};
  if (Array.isArray(told)) {
    const items = told.map(one => read(one, depth + 1));
    return items.includes(undefined) ? undefined : {tree: items.map(one => one.tree)};
  }
  const pairs = Object.entries(told).map(([name, one]) => [name, read(one, depth + 1)]);
  if (pairs.some(([, one]) => one === undefined)) return undefined;
  return {tree: {$: 'object', v: pairs.map(([name, one]) => [name, one.tree])}};
}

/** `<undefined>`, `<12n>`: what the SDK writes of what JSON has no word for. A class's name alone makes no object. */
function described(text) {
  if (text === 'null') return {tree: null};
  if (Object.hasOwn(WORDS, text)) return {tree: {$: text}};
  if (/^-?\d{1,400}n$/.test(text)) return {tree: {$: 'bigint', v: text.slice(0, -1)}};
  const at = /^[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{4} /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : {tree: {$: 'date', v: at}};
}

/** The value of a tree. */
function made(tree) {
  if (Array.isArray(tree)) return tree.map(made);
  if (tree === null || typeof tree !== 'object') return tree;
  if (Object.hasOwn(WORDS, tree.$)) return WORDS[tree.$];
  if (tree.$ === 'bigint') return BigInt(tree.v);
  if (tree.$ === 'date') return new Date(tree.v);
  const object = {};
  for (const [name, one] of tree.v) Object.defineProperty(object, name, {value: made(one), enumerable: true, writable: true, configurable: true});
  return object;
}

/** The tree of a value; `undefined` where no literal says it whole. */
function treeOf(value, depth = 0) {
  if (depth > DEEPEST) return undefined;
  if (value === undefined || Object.is(value, NaN) || value === Infinity || value === -Infinity) return {tree: {$: `${value}`}};
  if (typeof value === 'bigint') return {tree: {$: 'bigint', v: `${value}`}};
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return `${value}`.length > LONGEST ? undefined : {tree: value};
  if (typeof value !== 'object') return undefined;
  const kind = Object.prototype.toString.call(value);
  if (kind === '[object Date]') return Number.isNaN(value.getTime()) ? undefined : {tree: {$: 'date', v: value.getTime()}};
  if (Array.isArray(value)) {
    const items = Array.from(value, one => treeOf(one, depth + 1));
    return items.includes(undefined) ? undefined : {tree: items.map(one => one.tree)};
  }
  const parent = Object.getPrototypeOf(value);
  const isPlain = parent === null || Object.getPrototypeOf(parent) === null;
  if (!isPlain || Object.getOwnPropertySymbols(value).length > 0) return undefined;
  const pairs = Object.entries(value).map(([name, one]) => [name, treeOf(one, depth + 1)]);
  return pairs.some(([, one]) => one === undefined) ? undefined : {tree: {$: 'object', v: pairs.map(([name, one]) => [name, one.tree])}};
}

/** The text of a tree as code; broken into lines where it is wide. */
function literal(tree, indent = '', width = 80) {
  if (Array.isArray(tree)) return grouped('[', tree.map(one => deeper => literal(one, deeper, width)), ']', indent, width);
  if (typeof tree === 'string') return quoted(tree);
  if (Object.is(tree, -0)) return '-0';
  if (tree === null || typeof tree !== 'object') return `${tree}`;
  if (tree.$ === 'bigint') return `${tree.v}n`;
  if (tree.$ === 'date') return `new Date(${tree.v})`;
  if (tree.$ !== 'object') return tree.$;
  return grouped('{', tree.v.map(([name, one]) => deeper => `${key(name)}: ${literal(one, deeper, width)}`), '}', indent, width);
}

function grouped(open, parts, close, indent, width) {
  const flat = `${open}${parts.map(part => part('')).join(', ')}${close}`;
  if (!flat.includes('\n') && flat.length + indent.length <= width) return flat;
  const deeper = `${indent}  `;
  return `${open}\n${parts.map(part => `${deeper}${part(deeper)},\n`).join('')}${indent}${close}`;
}

function key(name) {
  if (name === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quoted(name);
}

/** A text in single quotes; what could be seen as something else is written by its number. */
function quoted(text) {
  const plain = JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"').replace(/'/g, "\\'");
  const escaped = [...plain].map(c => {
    const code = c.codePointAt(0);
    const isOdd = (code > 126 && code < 161) || (code >= 0x2000 && code <= 0x206f) || (code >= 0xd800 && code <= 0xdfff) || code === 0xfeff;
    return isOdd ? `\\u${code.toString(16).padStart(4, '0')}` : c;
  });
  return `'${escaped.join('')}'`;
}

module.exports = {literal, made, quoted, read, treeOf};
