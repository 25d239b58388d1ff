"""The ASGI face with the client that one would write first: a single `httpx.AsyncClient` for everything."""

import httpx

from asgi_app import upstreams
from asgi_app.application import make_app
from shared.origins import Origin
from shared.settings import MAX_UPSTREAM_CONNECTIONS, Settings


class NaiveClients(upstreams.Clients):
    """What differs is the client alone: the slots, limits and checks are the service's own."""

    single: httpx.AsyncClient | None = None

    def client(self, origin: Origin) -> httpx.AsyncClient:
        if self.single is None:
            most = MAX_UPSTREAM_CONNECTIONS
            limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
            self.single = httpx.AsyncClient(trust_env=False, limits=limits)
        return self.single

    async def close(self) -> None:
        if self.single is not None:
            await self.single.aclose()


def naive() -> object:
    """The application, for uvicorn's `--factory`."""
    from asgi_app import application

    def choose_clients(settings: Settings) -> NaiveClients:
        return NaiveClients(settings.upstreams)

    application.choose_clients = choose_clients  # type: ignore[attr-defined]  # the one thing that differs
    return make_app()
