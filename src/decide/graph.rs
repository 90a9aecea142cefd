//! Groups of modules that import each other, in an order in which what is imported comes first.

use std::collections::BTreeSet;

use crate::model::edge::{EdgeKind, Target};

/// What is a module's own of what it points at. Modules that import each other share a set, and the top of a module that is
/// loaded for the first time runs in the window of whoever imports it; its own is kept apart, so that what a test file imports by name is told
/// from what came along, as in a package that imports all of itself.
#[must_use]
pub fn alone(targets: &BTreeSet<Target>, name: &str) -> BTreeSet<Target> {
    targets.iter().filter(|target| target.kind != EdgeKind::Loaded || target.path == name).cloned().collect()
}

/// The strongly connected components of a graph given as neighbour lists (Tarjan 1972, without recursion); a component stands
/// after every component that it points at.
#[must_use]
pub fn components(neighbours: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        neighbours,
        index: vec![usize::MAX; neighbours.len()],
        low: vec![0; neighbours.len()],
        on_stack: vec![false; neighbours.len()],
        stack: Vec::new(),
        next: 0,
        found: Vec::new(),
    };
    for node in 0..neighbours.len() {
        if search.index[node] == usize::MAX {
            search.from(node);
        }
    }
    search.found
}

struct Search<'a> {
    neighbours: &'a [Vec<usize>],
    index: Vec<usize>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn enter(&mut self, node: usize) {
        self.index[node] = self.next;
        self.low[node] = self.next;
        self.next += 1;
        self.stack.push(node);
        self.on_stack[node] = true;
    }

    fn from(&mut self, root: usize) {
        self.enter(root);
        let mut path = vec![(root, 0_usize)];
        while let Some((node, at)) = path.pop() {
            if let Some(&next) = self.neighbours[node].get(at) {
                path.push((node, at + 1));
                if self.index[next] == usize::MAX {
                    self.enter(next);
                    path.push((next, 0));
                } else if self.on_stack[next] {
                    self.low[node] = self.low[node].min(self.index[next]);
                }
            } else {
                self.leave(node);
                if let Some(&(parent, _)) = path.last() {
                    self.low[parent] = self.low[parent].min(self.low[node]);
                }
            }
        }
    }

    fn leave(&mut self, node: usize) {
        if self.low[node] != self.index[node] {
            return;
        }
        let mut component = Vec::new();
        while let Some(member) = self.stack.pop() {
            self.on_stack[member] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_that_import_each_other_are_one_group_and_imports_come_first() {
        // 0 -> 1 <-> 2 -> 3, 4 alone
        let found = components(&[vec![1], vec![2], vec![1, 3], vec![], vec![]]);
        assert_eq!(found, [vec![3], vec![1, 2], vec![0], vec![4]]);
    }
}
