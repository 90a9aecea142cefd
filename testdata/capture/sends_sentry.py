"""An error of the shop, sent by sentry-sdk with its capture: as the README of the hook says."""

import sys

import sentry_sdk
import titer_capture

from shop import orders

sentry_sdk.init(
    dsn=sys.argv[1],
    release="1.4.0",
    default_integrations=False,
    before_send=titer_capture.before_send(lambda event, hint: {**event, "tags": {"seen": "first"}}),
)
try:
    orders.checkout({"items": ["apple", "plum"], "card": "4111111111111111"})
except LookupError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.capture_message("the till of shop 17 is empty", level="error")
sentry_sdk.flush(5)
