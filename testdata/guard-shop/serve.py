"""Serves the shop with sentry-sdk in it, sends it one order that crashes, and leaves when the event is sent: DSN RELEASE [hook]."""

import json
import os
import sys
import threading
import urllib.error
import urllib.request

import sentry_sdk
from werkzeug.serving import make_server

dsn, release, *more = sys.argv[1:]
hook = None
if more:
    import titer_capture

    hook = titer_capture.before_send(root=os.getcwd())
sentry_sdk.init(dsn, release=release, before_send=hook, send_default_pii=True)

from shop.web import app  # noqa: E402 - sentry-sdk hooks into Flask before the shop does

server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever, daemon=True).start()
order = {"basket": [{"name": "A Very Long Name of a Customer's Own", "price": 1999, "count": 3}], "coupon": "SUMMER", "note": "call +49 30 1234567"}
request = urllib.request.Request(
    f"http://127.0.0.1:{server.server_port}/quote", json.dumps(order).encode(), {"Content-Type": "application/json", "X-Trace": "abc"}
)
try:
    urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    print(error.code)
sentry_sdk.flush(10)
server.shutdown()
