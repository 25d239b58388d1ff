"""`/fetch` on the WSGI face."""

from typing import TYPE_CHECKING

from shared.fetching import DECIDING, fetching_off, keep, read_fetch, reply_fetch
from shared.service import Service
from shared.settings import Settings
from wsgi_app.greenlets import aside
from wsgi_app.replies import WireResponse, send_reply
from wsgi_app.requests import Environ, deciding_headers, environ_keys, mounted_at, read_body

if TYPE_CHECKING:
    from wsgi_app.upstreams import Clients

NAMES = environ_keys(DECIDING)


def choose_clients(settings: Settings) -> "Clients | None":
    """The clients of the upstreams; None where there are none, and no client library is imported."""
    if not settings.upstreams:
        return None
    from wsgi_app.upstreams import Clients

    return Clients(settings.upstreams)


def fetch(clients: "Clients | None", service: Service, environ: Environ) -> WireResponse:
    body = read_body(environ)
    if clients is None:
        raise fetching_off()
    asked = read_fetch(deciding_headers(environ, NAMES), body, service.settings)
    outcomes = clients.fetch_all(service, asked)
    if any(source.store for source in asked.addresses):
        outcomes = aside(keep, outcomes)
    return send_reply(reply_fetch(asked, outcomes, mounted_at(environ)))
