"""The shop as FastAPI under ASGI."""

from fastapi import FastAPI, Request, Response

from . import core
from .asking_async import asked

app = FastAPI(openapi_url=None)


def answer(reply: core.Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


@app.get("/items")
async def items(request: Request) -> Response:
    return answer(core.items(request.url.query))


@app.get("/items/{number}")
async def item(number: str) -> Response:
    return answer(core.item(number))


@app.post("/login")
async def login(request: Request) -> Response:
    return answer(core.login(await request.body()))


@app.get("/basket")
async def basket(request: Request) -> Response:
    return answer(core.basket(request.headers.get("Cookie", "")))


@app.post("/orders")
async def order(request: Request) -> Response:
    return answer(core.order(request.headers.get("Authorization", ""), await request.body()))


@app.get("/orders/{name}")
async def ordered(name: str, request: Request) -> Response:
    return answer(core.ordered(request.headers.get("Authorization", ""), name))


@app.get("/download")
async def download() -> Response:
    return answer(core.download())


@app.get("/stock/{number}")
async def stock(number: str) -> Response:
    return answer(core.stock(number, await asked(number)))
