'use strict';
// Shards: whose a test file is, as every shard says alike. The same in `src/model/shard.rs`, which says why.

const TABLE = Array.from({length: 256}, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32 of a name. */
const checksum = name => ~Buffer.from(name, 'utf8').reduce((crc, byte) => TABLE[(crc ^ byte) & 255] ^ (crc >>> 8), -1);

/** Whose a unit is that no list names, from 1. */
function byName(name, of) {
  let value = checksum(name);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) % of + 1;
}

/** Whether a test file (by its name from the root) is the shard's own. */
function isOwn({index, of, owners}, file) {
  const unit = `jest::${file}`;
  const listed = owners && Object.prototype.hasOwnProperty.call(owners, unit) ? owners[unit] : undefined;
  return (listed || byName(unit, of)) === index;
}

module.exports = {byName, isOwn};
