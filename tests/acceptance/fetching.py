"""`make accept fetching`: what each client can do against the upstream, and the fan-out with two of them."""

import asyncio
import hashlib
import http.client
import json
import os
import ssl
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import uvloop

from asgi_app.transport import Transport
from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from loadtests.subjects.twins.upstream.behaviour import PATTERN, upstream_address
from tests.acceptance.figures import end, median, pin, show
from tests.servers import Running, free_port, running_command
from tests.upstreams import Upstream, upstream_running

SECONDS = 2.0
ROUNDS = 3
CONCURRENCIES = (10, 100, 300)
ADDRESSES, LATENCY_MS, SIZE, USERS = 10, 20, 1024, 100
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, USERS_CPU = CPUS[0], CPUS[-1]
Get = Callable[[], Awaitable[object]]


def main() -> None:
    pin(USERS_CPU)  # and the upstream's
    with upstream_running() as upstream, tempfile.TemporaryDirectory(prefix="twins-") as folder:
        print("requests/s of the client alone, medians of", ROUNDS, flush=True)
        pin(SERVER_CPU)
        url = upstream_address(upstream.url, 0, LATENCY_MS, SIZE)
        for concurrency in CONCURRENCIES:
            rates: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for name, measure in ALONE.items():
                    rates.setdefault(name, []).append(measure(url, concurrency))
            table = {name: median(values) for name, values in rates.items()}
            print(
                f"{concurrency:4} at once:", {name: round(rate) for name, rate in table.items()}, flush=True
            )
        chosen: list[float] = []
        naive: list[float] = []
        for _ in range(ROUNDS):
            naive.append(fan_out(upstream, Path(folder), "naive"))
            chosen.append(fan_out(upstream, Path(folder), "asgi_app"))
        print(
            f"fan-outs/s with a single httpx.AsyncClient: {median(naive):.1f}, as it is: {median(chosen):.1f}"
        )
        ratio = median(chosen) / median(naive)
        show(f"asgi-uvicorn, {ADDRESSES} x {LATENCY_MS} ms, {USERS} users: ratio", ratio, 5)
    end()


async def drive(get: Get, concurrency: int) -> float:
    """Successes per second, after every user has once warmed a connection."""
    await asyncio.gather(*(get() for _ in range(concurrency)))
    count, start = 0, time.monotonic()

    async def user() -> None:
        nonlocal count
        while time.monotonic() < start + SECONDS:
            await get()
            count += 1

    await asyncio.gather(*(user() for _ in range(concurrency)))
    return count / (time.monotonic() - start)


def looped(make: Callable[[str, int], Awaitable[float]]) -> Callable[[str, int], float]:
    async def run(url: str, concurrency: int) -> float:
        return await make(url, concurrency)

    def measure(url: str, concurrency: int) -> float:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(url, concurrency))

    return measure


async def over(client: httpx.AsyncClient, url: str, concurrency: int) -> float:
    async with client:

        async def get() -> None:
            response = await client.get(url)
            assert len(response.content) == SIZE

        return await drive(get, concurrency)


async def naive(url: str, concurrency: int) -> float:
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    return await over(httpx.AsyncClient(trust_env=False, limits=limits, timeout=60), url, concurrency)


async def chosen(url: str, concurrency: int) -> float:
    transport = Transport(ssl.create_default_context(), concurrency)
    return await over(httpx.AsyncClient(trust_env=False, transport=transport, timeout=60), url, concurrency)


async def bare(url: str, concurrency: int) -> float:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=concurrency)) as session:

        async def get() -> None:
            async with session.get(url) as response:
                assert len(await response.read()) == SIZE

        return await drive(get, concurrency)


def threads(shared: bool) -> Callable[[str, int], float]:
    """`httpx.Client` in threads: one for all of them, or one for each."""

    def measure(url: str, concurrency: int) -> float:
        trust = ssl.create_default_context()
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        count = 1 if shared else concurrency
        clients = [
            httpx.Client(trust_env=False, verify=trust, limits=limits, timeout=60) for _ in range(count)
        ]
        counts = [0] * concurrency
        start = time.monotonic()

        def user(number: int) -> None:
            client = clients[number % count]
            while time.monotonic() < start + SECONDS:
                assert len(client.get(url).content) == SIZE
                counts[number] += 1

        together([threading.Thread(target=user, args=(number,)) for number in range(concurrency)])
        took_s = time.monotonic() - start
        for client in clients:
            client.close()
        return sum(counts) / took_s

    return measure


ALONE: dict[str, Callable[[str, int], float]] = {
    "one httpx.AsyncClient": looped(naive),
    "httpx over aiohttp (chosen)": looped(chosen),
    "aiohttp bare": looped(bare),
    "threads, one httpx.Client": threads(shared=True),
    "threads, a client each (chosen)": threads(shared=False),
}


def together(users: list[threading.Thread]) -> None:
    for user in users:
        user.start()
    for user in users:
        user.join()


def fan_out(upstream: Upstream, files: Path, application: str) -> float:
    """Verified answers of `/fetch` per second on asgi-uvicorn, from closed-loop users in this process."""
    port = free_port()
    pin(SERVER_CPU)
    line = launch(SERVERS["asgi-uvicorn"], port=port, files=files)
    if application == "naive":
        line = Launch([*line.command[:-1], "--factory", "tests.acceptance.naive:naive"], line.environment)
    with running_command("asgi-uvicorn", line, port, {"TWINS_UPSTREAMS": upstream.url}) as server:
        pin(USERS_CPU)
        return users_of(server, upstream)


def users_of(server: Running, upstream: Upstream) -> float:
    urls = [upstream_address(upstream.url, number, LATENCY_MS, SIZE) for number in range(ADDRESSES)]
    body = json.dumps({"addresses": [{"url": url} for url in urls], "timeout_ms": 60_000})
    digest = hashlib.sha256(PATTERN[:SIZE]).hexdigest().encode()
    counts = [0] * USERS
    start = time.monotonic()

    def user(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
        while time.monotonic() < start + 2 * SECONDS:
            connection.request("POST", "/fetch", body, {"Content-Type": "application/json"})
            answer = connection.getresponse().read()
            assert answer.count(digest) == ADDRESSES, answer
            counts[number] += 1
        connection.close()

    together([threading.Thread(target=user, args=(number,)) for number in range(USERS)])
    return sum(counts) / (time.monotonic() - start)


if __name__ == "__main__":
    main()
