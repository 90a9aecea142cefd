"""What an order costs."""

PRICES = {"apple": 3, "pear": 4}


class Invoice:
    def __init__(self, items):
        self.items = items

    def total(self):
        return sum(price(item) for item in self.items)


def price(item):
    try:
        return PRICES[item]
    except KeyError as missing:
        raise LookupError(f"no price for {item!r} of order 1234") from missing
