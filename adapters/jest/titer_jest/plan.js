'use strict';
// What titer planned (`plan_v1`), and which files are the project's.

const fs = require('fs');
const {tmpdir} = require('os');
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
    this.kept = plan.kept || [];
    this.names = new Map();
    this.temporary = tmpdir() + path.sep;
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
      // Packages that are part of the repository are the project's.
      const isKept = this.kept.some(folder => `${name}/`.startsWith(folder));
      if (!isKept && parts.some(part => FOREIGN.has(part))) return null;
      for (let at = 1; at <= parts.length; at++) {
        if (this.excluded.has(parts.slice(0, at).join('/'))) return null;
      }
      return name;
    }
    return this.nameOutside(file);
  }

  /** The name of a file in a folder beside the repository, by a path that leads out of it; null for what is nobody's project. */
  nameOutside(file) {
    const root = this.roots.find(name => file.startsWith(path.dirname(name) + path.sep));
    if (root === undefined || path.dirname(root) === path.sep || file.startsWith(this.temporary)) return null;
    const name = path.relative(root, file).split(path.sep).join('/');
    const isOthers = name.split('/').some(part => FOREIGN.has(part) || (part.startsWith('.') && part !== '..'));
    return isOthers ? null : name;
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
