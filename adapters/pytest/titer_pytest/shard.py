"""Shards: whose a test is, as every shard says alike. The same in `src/model/shard.rs`, which says why."""

import zlib


def unit(identity):
    """What is given to a shard as one: the test without its parameters, and without which of one name it is."""
    parts = identity.split("::", 2)
    if len(parts) < 3:
        return identity
    own, bracket, _ = parts[2].partition("[")
    if not bracket:
        before, sharp, number = own.rpartition("#")
        if sharp and number.isascii() and number.isdigit():
            own = before
    return "::".join((parts[0], parts[1], own))


def by_name(name, of):
    """Whose a unit is that no list names, from 1."""
    value = zlib.crc32(name.encode("utf-8", "surrogatepass"))
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return (value ^ (value >> 16)) % of + 1


def is_shared_out(config):
    """Whether a plugin gives this process a share of its own: of that no other shard would run what titer leaves out."""
    option = config.option
    counts = (getattr(option, name, None) for name in ("splits", "num_shards", "test-group-count", "test_group_count"))
    return any(isinstance(count, int) and count > 1 for count in counts)


class Shard:
    """The shard that this run is, of several."""

    def __init__(self, told):
        self.index = told["index"]
        self.of = told["of"]
        self.owners = told.get("owners") or {}
        self.known = {}

    def is_own(self, identity):
        name = unit(identity)
        own = self.known.get(name)
        if own is None:
            owner = self.owners.get(name) or by_name(name, self.of)
            own = self.known[name] = owner == self.index
        return own
