"""What things cost."""

RATE = 25


def with_tax(net):
    if net > 1000:
        return net
    return net + net * RATE // 100


def discount(price):
    return price - 1


class Basket:
    def __init__(self):
        self.lines = []

    def add(self, price):
        self.lines.append(price)

    def total(self):
        return sum(self.lines)
