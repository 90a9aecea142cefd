"""Orders take their time."""

import asyncio


async def confirm(number):
    await asyncio.sleep(0)
    return stamp(number)


def stamp(number):
    return number + 100


async def parts(count):
    for number in range(count):
        yield number
