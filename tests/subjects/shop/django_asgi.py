"""The shop as Django under ASGI, its views coroutines."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse

from . import core
from .asking_async import asked
from .django_views import answer, configure, routes


def on_the_loop(view: Callable[..., HttpResponse]) -> Callable[..., Awaitable[HttpResponse]]:
    async def asynchronous(request: HttpRequest, **values: Any) -> HttpResponse:
        return view(request, **values)

    return asynchronous


async def stock(request: HttpRequest, number: str) -> HttpResponse:
    return answer(core.stock(number, await asked(number)))


urlpatterns = routes(on_the_loop, stock)
configure(__name__)
app = get_asgi_application()
