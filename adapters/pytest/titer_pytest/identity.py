"""TestIds: pytest's node ids, seen from the repository's root."""

import os


class Identities:
    """Turns node ids into TestIds and remembers the id of every collected item."""

    def __init__(self, rootdir, tree):
        place = tree.inside(rootdir)
        if place is None:
            place = os.path.relpath(rootdir, tree.root).replace(os.sep, "/")
        self._place = "" if place == "." else place + "/"
        self._of_item = {}

    def rebase(self, nodeid):
        """A node id (or its path) from the repository's root instead of pytest's rootdir."""
        path, separator, rest = nodeid.partition("::")
        if ".." in path.split("/"):
            return os.path.normpath(self._place + path).replace(os.sep, "/") + separator + rest
        return self._place + nodeid

    def number(self, items):
        """TestIds of all collected items in order; a second one of the same name gets #2."""
        seen = {}
        ids = []
        for item in items:
            identity = "pytest::" + self.rebase(item.nodeid)
            count = seen[identity] = seen.get(identity, 0) + 1
            if count > 1:
                identity = f"{identity}#{count}"
            self._of_item[item] = identity
            ids.append(identity)
        return ids

    def of(self, item):
        # An item that was made after collection (some plugins do) is named by its node id alone.
        return self._of_item.get(item) or "pytest::" + self.rebase(item.nodeid)

    def of_nodeid(self, nodeid):
        return "pytest::" + self.rebase(nodeid)
