import pytest

from shop.prices import Basket, discount, with_tax


@pytest.fixture
def basket():
    made = Basket()
    made.add(10)
    return made


@pytest.mark.parametrize("net, gross", [(100, 125), (200, 250)])
def test_tax(net, gross):
    assert with_tax(net) >= gross


class TestBasket:
    def test_total(self, basket):
        assert basket.total() > 0

    def test_discount(self, basket):
        basket.add(discount(10))
        assert len(basket.lines) == 2
