STOCK = {"pear": 10}


def left(name, wanted):
    return STOCK.get(name) - wanted
