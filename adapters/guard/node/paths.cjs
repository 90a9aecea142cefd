'use strict';
// Which files are the project's own.

const fs = require('fs');
const path = require('path');

/** The file's name from the tree's root; nothing for what is not the project's own. */
function inside(root, file) {
  const base = path.join(fs.realpathSync(root), path.sep);
  if (typeof file !== 'string' || !file.startsWith(base)) return undefined;
  const own = file.slice(base.length);
  return own.split(path.sep).includes('node_modules') ? undefined : own;
}

module.exports = {inside};
