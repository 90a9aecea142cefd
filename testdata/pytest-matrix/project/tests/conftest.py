import pytest

from shop import stock


@pytest.fixture(scope="session")
def shelf():
    return stock.load()
