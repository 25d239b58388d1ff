"""The shop as plain Starlette under ASGI."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import core
from .asking_async import asked


def answer(reply: core.Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers))


async def items(request: Request) -> Response:
    return answer(core.items(request.url.query))


async def item(request: Request) -> Response:
    return answer(core.item(request.path_params["number"]))


async def login(request: Request) -> Response:
    return answer(core.login(await request.body()))


async def basket(request: Request) -> Response:
    return answer(core.basket(request.headers.get("Cookie", "")))


async def order(request: Request) -> Response:
    return answer(core.order(request.headers.get("Authorization", ""), await request.body()))


async def ordered(request: Request) -> Response:
    return answer(core.ordered(request.headers.get("Authorization", ""), request.path_params["name"]))


async def download(request: Request) -> Response:
    return answer(core.download())


async def stock(request: Request) -> Response:
    number = request.path_params["number"]
    return answer(core.stock(number, await asked(number)))


app = Starlette(
    routes=[
        Route("/items", items),
        Route("/items/{number}", item),
        Route("/login", login, methods=["POST"]),
        Route("/basket", basket),
        Route("/orders", order, methods=["POST"]),
        Route("/orders/{name}", ordered),
        Route("/download", download),
        Route("/stock/{number}", stock),
    ]
)
