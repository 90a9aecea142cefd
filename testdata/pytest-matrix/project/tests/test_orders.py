import unittest

import pytest

from shop.orders import confirm, parts, stamp


@pytest.mark.asyncio
async def test_confirm():
    assert await confirm(1) > 0


@pytest.mark.asyncio
async def test_parts():
    assert [part async for part in parts(3)] == [0, 1, 2]


class TestStamps(unittest.TestCase):
    def test_each(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertGreater(stamp(number), 0)


def test_many(subtests):
    for number in range(3):
        with subtests.test(number=number):
            assert stamp(number) > 0
