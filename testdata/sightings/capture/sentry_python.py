"""Sends errors of the shop with sentry-sdk: a chained one caught, one that nobody caught, a message, a session."""

import sys

import sentry_sdk

from shop import billing, orders

dsn = sys.argv[1]
sentry_sdk.init(
    dsn=dsn,
    release="shop@1.4.0",
    environment="production",
    server_name="web-1",
    traces_sample_rate=1.0,
    default_integrations=False,
    integrations=[],
)
sentry_sdk.set_user({"id": "user-42", "email": "ann@example.org"})
sentry_sdk.set_tag("tenant", "acme")
sentry_sdk.set_tag("service", "shop")
with sentry_sdk.start_transaction(name="checkout"):
    try:
        orders.checkout({"items": ["apple", "plum"], "card": "4111111111111111"})
    except LookupError as error:
        sentry_sdk.capture_exception(error)
try:
    orders.parse('{"items": [')
except ValueError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.capture_message("nothing is wrong", level="info")
sentry_sdk.capture_message("the till of shop 17 is empty", level="error")
sentry_sdk.flush(5)
