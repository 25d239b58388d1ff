"""What is fetched from upstreams: a task for each address, and one client for each upstream.

Imported, with its client libraries, where there are upstreams, and by no other server.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from asgi_app.threads import to_its_end
from asgi_app.transport import Transport
from shared.fetching import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    Failure,
    Fetch,
    FetchedBody,
    FetchOutcome,
    Source,
    admit,
    check_head,
    choose_ip,
    onward,
    retry_after_s,
    wire,
)
from shared.origins import Origin, UpstreamAddress
from shared.service import Service
from shared.settings import MAX_UPSTREAM_CONNECTIONS

BLOCK_BYTES = 256 * 1024  # worth a thread


class Clients:
    """The slots and clients of one server process, made as they are needed."""

    def __init__(self, origins: frozenset[Origin]) -> None:
        self.slots = asyncio.Semaphore(MAX_UPSTREAM_CONNECTIONS)
        self._clients: dict[Origin, httpx.AsyncClient] = {}

    async def fetch_all(self, service: Service, asked: Fetch) -> list[FetchOutcome]:
        """Every address at the same time; one that takes too long is ended."""
        tasks = [
            asyncio.ensure_future(fetch_in_time(self, service, asked, source)) for source in asked.addresses
        ]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, FetchedBody):
                    outcome.abort()
            raise

    def client(self, origin: Origin) -> httpx.AsyncClient:
        """The client of one upstream, whose connections no other upstream shares."""
        client = self._clients.get(origin)
        if client is None:
            client = self._clients[origin] = self._make()
        return client

    def _make(self) -> httpx.AsyncClient:
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        transport = Transport(self._trust, MAX_UPSTREAM_CONNECTIONS)
        return httpx.AsyncClient(transport=transport, trust_env=False, cookies=no_cookies)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()


async def fetch_in_time(clients: Clients, service: Service, asked: Fetch, source: Source) -> FetchOutcome:
    try:
        async with asyncio.timeout(asked.timeout_ms / 1000) as limit, clients.slots:
            return await fetch_one(clients, service, asked, source, limit.when() or 0)
    except TimeoutError:
        return Failure("timeout")


async def fetch_one(
    clients: Clients, service: Service, asked: Fetch, source: Source, deadline: float
) -> FetchOutcome:
    """One address, as often as it is worth it."""
    attempt = 1
    while True:
        outcome = await attempt_once(clients, service, asked, source, attempt)
        pause_s = retry_after_s(attempt, outcome)
        if pause_s is None or asyncio.get_running_loop().time() + pause_s >= deadline:
            return outcome
        if isinstance(outcome, FetchedBody):
            outcome.abort()
        await asyncio.sleep(pause_s)
        attempt += 1


async def attempt_once(
    clients: Clients, service: Service, asked: Fetch, source: Source, attempt: int
) -> FetchOutcome:
    allowed = service.settings.upstreams
    redirects = 0
    try:
        target: UpstreamAddress | None = admit(source.url, allowed)
        while target is not None:
            ip = choose_ip(target.origin, await resolve(target.origin), attempt, allowed)
            async with get(clients.client(target.origin), target, ip) as response:
                check_head(response.http_version, response.status_code, response.headers.raw)
                location = response.headers.get("location")
                target = onward(target, response.status_code, location, redirects, allowed)
                if target is None:
                    received = FetchedBody(response.status_code, redirects, asked.max_bytes)
                    return await receive(response, received, source, service)
            redirects += 1
    except Failure as failure:
        return failure
    except httpx.TimeoutException:
        return Failure("timeout")
    except httpx.ConnectError:
        return Failure("unreachable")
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
        return Failure("broken")
    raise AssertionError("every response is an answer or leads on")


@asynccontextmanager
async def get(client: httpx.AsyncClient, target: UpstreamAddress, ip: str) -> AsyncIterator[httpx.Response]:
    """The response to one GET, its body still to come."""
    asked = wire(target, ip)
    timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    extensions = {"sni_hostname": asked.server_name} if asked.server_name else {}
    async with client.stream(
        "GET", asked.url, headers=asked.headers, timeout=timeout, extensions=extensions
    ) as response:
        yield response


async def receive(
    response: httpx.Response, received: FetchedBody, source: Source, service: Service
) -> FetchedBody:
    """Read the body to its end, block by block."""
    try:
        if source.store is not None:
            await to_its_end(received.store, service.catalogue, source.store)
        async for block in response.aiter_raw(BLOCK_BYTES if received.upload else None):
            if received.upload is None:
                received.take(block)
            else:
                await to_its_end(received.take, block)
    except BaseException:
        received.abort()
        raise
    return received


async def resolve(origin: Origin) -> list[str]:
    """The IP addresses of a host; none where its name is not known."""
    if origin.is_ip:
        return [origin.host]
    try:
        addresses = await asyncio.get_running_loop().getaddrinfo(
            origin.host, origin.port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError):
        return []
    return [str(address[4][0]) for address in addresses]
