"""Sends so many distinct errors with sentry-sdk, and crashes of one more."""

import sys

import sentry_sdk

dsn, count = sys.argv[1], int(sys.argv[2])
sentry_sdk.init(dsn=dsn, release="shop@1.4.0", environment="production", traces_sample_rate=1.0)


def fail(number):
    # Each is an error of its own kind.
    raise type(f"Fault{number}", (Exception,), {})(f"no {number}")


for number in range(count):
    try:
        fail(number)
    except Exception as error:
        sentry_sdk.capture_exception(error)
sentry_sdk.flush(30)
raise LookupError("and now nobody catches it")
