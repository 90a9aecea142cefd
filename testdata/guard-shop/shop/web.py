"""The shop's pages."""

from flask import Flask, jsonify, request

from shop.prices import quote

app = Flask(__name__)


@app.post("/quote")
def quote_page():
    order = request.get_json()
    return jsonify({"cents": quote(order["basket"], order.get("coupon"))})
