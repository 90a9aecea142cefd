from flask import Flask, jsonify, request

from . import orders


def create_app():
    app = Flask(__name__)

    @app.post("/orders")
    def order():
        return jsonify(total=orders.price_of(request.get_json()))

    @app.get("/orders")
    def listed():
        return jsonify(page=orders.parse_page(request.args.get("page", "1")))

    return app
