def price_of(order):
    return order["count"] * order["price"]


def parse_page(text):
    return int(text)
