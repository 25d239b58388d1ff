"""The shop as Django: its views but the one that waits, which each face has of its own."""

from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

from . import core

View = Any  # a function or a coroutine function of a request


def answer(reply: core.Reply) -> HttpResponse:
    response = HttpResponse(reply.body, status=reply.status)
    for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
        response[name] = value
    return response


def items(request: HttpRequest) -> HttpResponse:
    return answer(core.items(request.META["QUERY_STRING"]))


def item(request: HttpRequest, number: str) -> HttpResponse:
    return answer(core.item(number))


def login(request: HttpRequest) -> HttpResponse:
    return answer(core.login(request.body))


def basket(request: HttpRequest) -> HttpResponse:
    return answer(core.basket(request.headers.get("Cookie", "")))


def order(request: HttpRequest) -> HttpResponse:
    return answer(core.order(request.headers.get("Authorization", ""), request.body))


def ordered(request: HttpRequest, name: str) -> HttpResponse:
    return answer(core.ordered(request.headers.get("Authorization", ""), name))


def download(request: HttpRequest) -> HttpResponse:
    return answer(core.download())


def configure(module: str) -> None:
    """Django with nothing around its views; `module` has the routes."""
    settings.configure(ROOT_URLCONF=module, ALLOWED_HOSTS=["*"], APPEND_SLASH=False, MIDDLEWARE=[])
    django.setup()


def routes(view: "Any", stock: View) -> list[Any]:
    """The routes, each view as `view` makes it."""
    return [
        path("items", view(items)),
        path("items/<str:number>", view(item)),
        path("login", view(login)),
        path("basket", view(basket)),
        path("orders", view(order)),
        path("orders/<str:name>", view(ordered)),
        path("download", view(download)),
        path("stock/<str:number>", stock),
    ]
