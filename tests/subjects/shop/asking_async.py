"""The shop's one call to another service, as code on an event loop makes it."""

from functools import cache

import httpx

from .core import stock_address


@cache
def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=None), trust_env=False)


async def asked(number: str) -> bytes | None:
    """The upstream's answer; None where there is none."""
    try:
        return (await _client().get(stock_address(number))).content
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
