"""What baskets cost."""

COUPONS = {"SPRING": 10, "FRIEND": 25}


def discount(total, coupon):
    """What a coupon takes off, in cents."""
    return total * COUPONS[coupon] // 100


def quote(basket, coupon=None):
    """The price of a basket in cents."""
    total = sum(item["price"] * item["count"] for item in basket)
    if coupon:
        total -= discount(total, coupon)
    return total
