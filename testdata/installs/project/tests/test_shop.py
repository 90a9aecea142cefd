import shop
from shop.prices import discount


def test_tax():
    assert shop.with_tax(100) > 100


def test_discount():
    assert discount(10) > 0
