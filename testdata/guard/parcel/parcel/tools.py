import functools
import re


def chunked(items, size):
    """Lists of `size` items."""
    group = []
    for item in items:
        group.append(item)
        if len(group) % size == 0:
            yield group
            group = []
    if group:
        yield group


def flatten(tree, path=()):
    found = {}
    for key, value in tree.items():
        here = (*path, key)
        if isinstance(value, dict):
            found.update(flatten(value, here))
        else:
            found[".".join(here)] = value
    return found


def labelled(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return f"{function.__name__}: {function(*args, **kwargs)}"

    return inner


@labelled
def total(*amounts, currency="EUR"):
    return f"{sum(amounts):.2f} {currency.upper()}"


def retry(times):
    def around(function):
        return [function() for _ in range(times)]

    return around


def decode(data, encoding=None):
    if isinstance(data, str):
        data = data.encode(encoding or "utf-8")
    head, _, rest = data.partition(b"=")
    return {head.decode("ascii"): rest[0]}


def ratio(pair):
    one, other = pair
    return one / other


def lookup(table, key):
    try:
        return table[key]
    except KeyError as error:
        raise LookupError(f"no {key}") from error


def coordinates(text):
    text = text.strip()
    found = re.match(r"(\d+),(\d+)", text)
    return tuple(int(one) for one in found.groups())


def merged(first, *others, **named):
    result = dict(first)
    for other in others:
        result.update(other)
    result.update(named)
    return sorted(result.items())


def counted(table):
    return {key + 1: value for key, value in table.items()}[len(table)]


def unique(items):
    return items.pop() if len(items) == 1 else sorted(items)[0].strip()


async def fetched(names, limit=3):
    return [name.title() for name in names][:limit]


def outer_of(rows):
    def widths():
        for row in rows:
            yield max(len(cell) for cell in row)

    return list(widths())
