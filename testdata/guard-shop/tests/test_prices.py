from shop.prices import quote


def test_a_basket_without_a_coupon():
    assert quote([{"price": 250, "count": 2}]) == 500


def test_a_coupon():
    assert quote([{"price": 1000, "count": 1}], "SPRING") == 900
