'use strict';
// What titer planned (`plan_v1`), and which files are the project's.

const fs = require('fs');
const path = require('path');

/** Folders of other people's code and of tools' memory, wherever they are. */
const FOREIGN = new Set(['node_modules', '.git', '.hg', '.titer', '.yarn']);

class Plan {
  constructor(run) {
    const plan = JSON.parse(fs.readFileSync(path.join(run, 'plan-jest.json'), 'utf8'));
    Object.assign(this, plan);
    const roots = [plan.root];
    try {
      roots.push(fs.realpathSync(plan.root));
    } catch {
      // The name that we were given is all there is.
    }
    this.roots = [...new Set(roots)];
    this.excluded = new Set(plan.exclude);
    this.names = new Map();
  }

  /** The name of a first-party file or folder, from the root; null for everything else. */
  name(file) {
    const known = this.names.get(file);
    if (known !== undefined) return known;
    const name = this.nameOf(file);
    this.names.set(file, name);
    return name;
  }

  nameOf(file) {
    for (const root of this.roots) {
      if (file === root) return '.';
      if (!file.startsWith(root + path.sep)) continue;
      const name = file.slice(root.length + 1).split(path.sep).join('/');
      const parts = name.split('/');
      if (parts.some(part => FOREIGN.has(part))) return null;
      for (let at = 1; at <= parts.length; at++) {
        if (this.excluded.has(parts.slice(0, at).join('/'))) return null;
      }
      return name;
    }
    return null;
  }

  /** Ids that a variant leaves out, by the file that they are in. */
  leftOut(variant) {
    const section = this.whole ? undefined : this.sections[variant];
    const files = new Map();
    for (const id of Object.keys((section && section.left_out) || {})) {
      const file = id.split('::')[1];
      if (!files.has(file)) files.set(file, []);
      files.get(file).push(id);
    }
    return files;
  }
}

module.exports = {Plan};
