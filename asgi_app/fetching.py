"""`/fetch` on the ASGI face."""

from typing import TYPE_CHECKING

from fastapi import Request

from asgi_app.replies import WireResponse, send_reply
from asgi_app.requests import deciding_headers, header_keys, mounted_at, read_body
from asgi_app.threads import to_its_end
from shared.fetching import DECIDING, fetching_off, keep, read_fetch, reply_fetch
from shared.service import Service
from shared.settings import Settings

if TYPE_CHECKING:
    from asgi_app.upstreams import Clients

NAMES = header_keys(DECIDING)


def choose_clients(settings: Settings) -> "Clients | None":
    """The clients of the upstreams; None where there are none, and no client library is imported."""
    if not settings.upstreams:
        return None
    from asgi_app.upstreams import Clients

    return Clients(settings.upstreams)


async def fetch(clients: "Clients | None", service: Service, request: Request) -> WireResponse:
    body = await read_body(request)
    if clients is None:
        raise fetching_off()
    asked = read_fetch(deciding_headers(request.scope, NAMES), body, service.settings)
    outcomes = await clients.fetch_all(service, asked)
    if any(source.store for source in asked.addresses):
        outcomes = await to_its_end(keep, outcomes)
    return send_reply(reply_fetch(asked, outcomes, mounted_at(request.scope)))
