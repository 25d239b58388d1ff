"""The shop as Flask under WSGI."""

from flask import Flask, Response, request

from . import core
from .asking import asked

app = Flask(__name__, static_folder=None)


def answer(reply: core.Reply) -> Response:
    return Response(reply.body, reply.status, list(reply.headers))


@app.get("/items")
def items() -> Response:
    return answer(core.items(request.query_string.decode()))


@app.get("/items/<number>")
def item(number: str) -> Response:
    return answer(core.item(number))


@app.post("/login")
def login() -> Response:
    return answer(core.login(request.get_data()))


@app.get("/basket")
def basket() -> Response:
    return answer(core.basket(request.headers.get("Cookie", "")))


@app.post("/orders")
def order() -> Response:
    return answer(core.order(request.headers.get("Authorization", ""), request.get_data()))


@app.get("/orders/<name>")
def ordered(name: str) -> Response:
    return answer(core.ordered(request.headers.get("Authorization", ""), name))


@app.get("/download")
def download() -> Response:
    return answer(core.download())


@app.get("/stock/<number>")
def stock(number: str) -> Response:
    return answer(core.stock(number, asked(number)))
