def with_tax(net):
    return net + net // 4


def discount(price):
    return price - 1
