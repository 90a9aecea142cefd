import datetime
import enum
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, Optional


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Label:
    name: str
    size: Size = Size.SMALL
    tags: list = field(default_factory=list)
    weight: Optional[Decimal] = None

    def line(self):
        return f"{self.name.upper()}: {self.weight.normalize()}"

    @property
    def first_tag(self):
        return self.tags[0].lower()

    @classmethod
    def parse(cls, text, separator=":"):
        name, weight = text.split(separator)
        return cls(name, weight=Decimal(weight))


class Depot:
    def __init__(self, name, capacity=10, *, owner):
        self.name = name
        self._capacity = capacity
        self.owner = owner
        self._labels = {}

    def add(self, label):
        if len(self._labels) / self._capacity >= 1:
            raise ValueError("full")
        self._labels[label.name] = label
        return self

    def nearest(self, points, start=(0, 0)):
        points = [Point(*one) for one in points]
        return min(points, key=lambda one: abs(one.x - start[0]) + abs(one.y - start[1]))

    def __getitem__(self, key):
        return self._labels[key.lower()]

    def __len__(self):
        return len(self._labels)

    def opened(self, day, opening=datetime.time(9)):
        return datetime.datetime.combine(day, opening).isoformat()

    def fits(self, size):
        return {Size.SMALL: True}[size]

    @staticmethod
    def route(stops):
        return [one + two for one, two in zip(stops, stops[1:])][-1]


class Reader:
    """Reads records of bytes."""

    def __init__(self, data, width):
        self.data, self.width = data, width

    def __iter__(self):
        for at in range(0, len(self.data), self.width):
            yield self._record(self.data[at : at + self.width])

    def _record(self, raw):
        return int.from_bytes(raw, "big") // raw[0]
