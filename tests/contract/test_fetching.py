"""`/fetch`: what is fetched and stored, what fails alone, and what may not be reached at all."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from loadtests.subjects.twins.upstream.behaviour import PATTERN
from shared.fetching import FAILURES
from shared.settings import UPLOADS_FOLDER
from tests.contract.conftest import DEEP, TORTURE, TWINS
from tests.servers import Running, free_port, running, running_command
from tests.upstreams import Upstream, upstream_running
from tests.wire import Answer, ask

JSON = ("Content-Type", "application/json")
TOKEN = ("Authorization", "Bearer t")
Results = list[dict[str, Any]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with upstream_running() as started:
        yield started


@pytest.fixture(scope="module")
def closed() -> str:
    """An origin where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


# each of the processes of a forked server fetches as the one of a server that is not forked
FETCHING = TWINS if TORTURE else [name for name in TWINS if SERVERS[name].processes == 1]


@pytest.fixture(scope="module", params=FETCHING)
def any_fetching(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    environment = {"TWINS_UPSTREAMS": upstream.url, "TWINS_TOKEN": "t"}
    with running(request.param, tmp_path_factory.mktemp("files"), environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


@pytest.fixture(scope="module", params=DEEP)
def fetching(
    request: pytest.FixtureRequest, upstream: Upstream, closed: str, folder: Path
) -> Iterator[Running]:
    environment = {"TWINS_UPSTREAMS": f"{upstream.url}, {closed}", "TWINS_TOKEN": "t"}
    with running(request.param, folder, environment=environment) as server:
        yield server


def post(server: Running, document: Any, *headers: tuple[str, str]) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return ask(server.port, "POST", "/fetch", [JSON, *headers], body)


def fetch(server: Running, *urls: str, **options: Any) -> Results:
    answer = post(server, {"addresses": [{"url": url} for url in urls], **options})
    assert answer.status == 200, answer.body
    results: Results = json.loads(answer.body)["results"]
    assert [result["url"] for result in results] == list(urls)
    return results


def codes(results: Results) -> list[str | int]:
    for result in results:
        if "error" in result:
            assert result["error"]["code"] in FAILURES
            assert result["error"]["detail"].endswith(".")
    return [result["error"]["code"] if "error" in result else result["status"] for result in results]


def body_of(size: int) -> bytes:
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def test_every_server_fetches_in_order(any_fetching: Running, upstream: Upstream) -> None:
    upstream.reset()
    sizes = [0, 1, 1024, 70_000, 300_000]
    urls = [f"{upstream.url}/?bytes={size}&latency_ms={60 - 10 * n}" for n, size in enumerate(sizes)]
    assert fetch(any_fetching, *urls) == [
        {
            "url": url,
            "status": 200,
            "bytes": size,
            "sha256": hashlib.sha256(body_of(size)).hexdigest(),
            "redirects": 0,
        }
        for url, size in zip(urls, sizes, strict=True)
    ]
    assert upstream.hits() == len(urls)


def test_every_server_waits_for_all_at_the_same_time(any_fetching: Running, upstream: Upstream) -> None:
    start = time.monotonic()
    urls = [f"{upstream.url}/?latency_ms=300&n={n}" for n in range(20)]
    assert codes(fetch(any_fetching, *urls)) == [200] * 20
    assert time.monotonic() - start < 20 * 0.3


def test_every_server_stores_what_it_is_asked_to(any_fetching: Running, upstream: Upstream) -> None:
    addresses = [
        {"url": f"{upstream.url}/?bytes=500000", "store": "a/b c.bin"},
        {"url": f"{upstream.url}/?bytes=10"},
    ]
    assert post(any_fetching, {"addresses": addresses}).status == 401
    assert ask(any_fetching.port, "GET", "/files/a/b%20c.bin").status == 404
    results = json.loads(post(any_fetching, {"addresses": addresses}, TOKEN).body)["results"]
    assert [result.get("stored") for result in results] == ["/files/a/b%20c.bin", None]
    stored = ask(any_fetching.port, "GET", results[0]["stored"])
    assert stored.body == body_of(500_000)
    assert hashlib.sha256(stored.body).hexdigest() == results[0]["sha256"]


@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (b"", 400, "JSON"),
        (b"[]", 422, "object"),
        ({}, 422, "addresses"),
        ({"addresses": []}, 422, "addresses"),
        ({"addresses": ["http://a"]}, 422, "addresses.0"),
        ({"addresses": [{"url": "x"}] * 33}, 422, "addresses"),
        ({"addresses": [{"url": "x" * 2049}]}, 422, "url"),
        ({"addresses": [{"url": "x", "method": "POST"}]}, 422, "method"),
        ({"addresses": [{"url": "x"}], "timeout_ms": 60_001}, 422, "timeout_ms"),
        ({"addresses": [{"url": "x"}], "max_bytes": -1}, 422, "max_bytes"),
        ({"addresses": [{"url": "x", "store": "a"}] * 2}, 422, "same name"),
        ({"addresses": [{"url": "x", "store": "../a"}]}, 400, ".."),
    ],
)
def test_what_is_refused_as_a_whole(fetching: Running, document: Any, status: int, said: str) -> None:
    answer = post(fetching, document, TOKEN)
    assert answer.status == status
    assert answer.header("content-type") == "application/problem+json"
    assert said in json.loads(answer.body)["detail"]


@pytest.mark.parametrize("name", DEEP)
def test_fetching_is_off_without_a_list(name: str, serve: Any) -> None:
    answer = post(serve(name), {"addresses": [{"url": "http://127.0.0.1/"}]})
    assert answer.status == 403
    assert "TWINS_UPSTREAMS" in json.loads(answer.body)["detail"]


def test_each_fault_is_told_while_the_others_succeed(
    fetching: Running, upstream: Upstream, closed: str
) -> None:
    faults = {
        f"{closed}/": "unreachable",
        f"{upstream.url}/?reset_share=1": "broken",
        f"{upstream.url}/?bytes=100000&cut_bytes=50000": "broken",
        f"{upstream.url}/?bytes=10&announced_bytes=20": "broken",
        f"{upstream.url}/?latency_ms=20000": "timeout",
        f"{upstream.url}/?bytes=100000&bytes_per_s=1000": "timeout",
        f"{upstream.url}/?bytes=endless": "too-large",
        f"{upstream.url}/?bytes=200001": "too-large",
        f"{upstream.url}/?status=404": 404,
        f"{upstream.url}/?status=204": 204,
        f"{upstream.url}/?status=302": 302,
        f"{upstream.url}/?bytes=200000": 200,
    }
    start = time.monotonic()
    results = fetch(fetching, *faults, timeout_ms=3000, max_bytes=200_000)
    assert time.monotonic() - start < 10
    assert dict(zip(faults, codes(results), strict=True)) == faults
    assert codes(fetch(fetching, f"{upstream.url}/")) == [200]


def test_a_body_longer_than_announced(fetching: Running, upstream: Upstream) -> None:
    """The clients differ in this one answer: aiohttp refuses what httpcore reads as far as announced."""
    (result,) = fetch(fetching, f"{upstream.url}/?bytes=20&announced_bytes=10")
    assert codes([result]) == [{"wsgi": 200, "asgi": "broken"}[SERVERS[fetching.name].interface]]
    assert result.get("bytes") in (10, None)


def test_what_may_pass_is_tried_again(fetching: Running, upstream: Upstream) -> None:
    for query, found, hits in (
        ("status=503", 503, 3),
        ("status=500", 500, 1),
        ("reset_share=1", "broken", 3),
        ("latency_ms=9000", "timeout", 1),
    ):
        upstream.reset()
        assert codes(fetch(fetching, f"{upstream.url}/?{query}", timeout_ms=2000)) == [found]
        assert upstream.hits() == hits, query
    upstream.reset()
    start = time.monotonic()
    assert codes(fetch(fetching, f"{upstream.url}/?status=503", timeout_ms=300)) == [503]
    assert time.monotonic() - start < 3
    assert upstream.hits() == 2


def test_redirects_are_followed_and_checked_each_time(fetching: Running, upstream: Upstream) -> None:
    upstream.reset()
    there = "/redirect?to=/%3Fbytes%3D7"
    (followed,) = fetch(fetching, upstream.url + there)
    assert (followed["status"], followed["bytes"], followed["redirects"]) == (200, 7, 1)
    refused = {
        "http://127.0.0.1:1/": "not-allowed",
        f"http://localhost:{upstream.port}/": "not-allowed",
        f"//127.0.0.2:{upstream.port}/": "not-allowed",
        f"http://[::1]:{upstream.port}/": "not-allowed",
        f"https://127.0.0.1:{upstream.port}/": "not-allowed",
        "file:///etc/passwd": "bad-address",
        "gopher://127.0.0.1/": "bad-address",
        "http://2130706433/": "bad-address",
        "http:\\\\127.0.0.1\\": "broken",  # httpx itself reads the Location before anyone asks it to
        "http://user@127.0.0.1/": "bad-address",
    }
    for location, code in refused.items():
        quoted = "".join(f"%{byte:02x}" for byte in location.encode())
        assert codes(fetch(fetching, f"{upstream.url}/redirect?to={quoted}")) == [code], location
    upstream.reset()
    (endless,) = fetch(fetching, f"{upstream.url}/redirect?to=/redirect%3Fto%3D/redirect%253Fto%253D/")
    assert endless["status"] == 200
    loop = answering(
        b"HTTP/1.1 302 Found\r\nLocation: /again\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    with loop as (port, requests), other_server(fetching, f"http://127.0.0.1:{port}") as server:
        assert codes(fetch(server, f"http://127.0.0.1:{port}/")) == ["too-many-redirects"]
        assert len(requests) == 6


@pytest.mark.parametrize(
    "url",
    [
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://017700000001:{port}/",
        "http://0177.0.0.1:{port}/",
        "http://127.1:{port}/",
        "http://127.0.0.01:{port}/",
        "http://127.0.0.1.:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://[0:0:0:0:0:ffff:7f00:0001]:{port}/",
        "http://[::1%25lo]:{port}/",
        "http://a@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}@evil.example/",
        "http://evil.example#@127.0.0.1:{port}/",
        "http://evil.example\\@127.0.0.1:{port}/",
        "//127.0.0.1:{port}/",
        "http:/127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        " http://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/ x",
        "http://127.0.0.1:{port}/\r\nX: y",
        "http://127.0.0.1\t:{port}/",
        "http://127。0。0。1:{port}/",
        "http://①27.0.0.1:{port}/",
        "http://127.0.0.1:0{port}0/",
        "http://localhost:{port}/",
        "https://127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/",
        "",
    ],
)
def test_no_other_spelling_leads_anywhere(fetching: Running, upstream: Upstream, url: str) -> None:
    upstream.reset()
    assert codes(fetch(fetching, url.format(port=upstream.port)))[0] in ("bad-address", "not-allowed")
    assert upstream.hits() == 0


def test_stored_or_not_at_all(fetching: Running, upstream: Upstream, folder: Path) -> None:
    (folder / "a file").write_bytes(b"")
    addresses = [
        {"url": f"{upstream.url}/?bytes=300000", "store": "good"},
        {"url": f"{upstream.url}/?status=404", "store": "error"},
        {"url": f"{upstream.url}/?bytes=400000&cut_bytes=300000", "store": "cut"},
        {"url": f"{upstream.url}/?bytes=endless", "store": "endless"},
        {"url": f"{upstream.url}/?bytes=400000&bytes_per_s=100000", "store": "slow"},
        {"url": f"{upstream.url}/?bytes=5", "store": "a file/below"},
    ]
    asked = {"addresses": addresses, "timeout_ms": 2000, "max_bytes": 1_000_000}
    results = json.loads(post(fetching, asked, TOKEN).body)["results"]
    assert codes(results) == [200, "not-stored", "broken", "too-large", "timeout", "not-stored"]
    assert (folder / "good").read_bytes() == body_of(300_000)
    assert not [name for name in ("error", "cut", "endless", "slow") if (folder / name).exists()]
    eventually(lambda: os.listdir(folder / UPLOADS_FOLDER) == [])


def test_nothing_is_left_over_after_failures(fetching: Running, upstream: Upstream, closed: str) -> None:
    urls = [
        f"{upstream.url}/?latency_ms=5000",
        f"{upstream.url}/?bytes=endless",
        f"{upstream.url}/?reset_share=1",
        f"{upstream.url}/?bytes=10&announced_bytes=20",
        f"{upstream.url}/?bytes=100000&bytes_per_s=20000",
        f"{closed}/",
    ]
    fetch(fetching, *urls, timeout_ms=700, max_bytes=100_000)
    eventually(lambda: in_use(upstream) == 0)
    family = [psutil.Process(fetching.process.pid)]
    family += family[0].children(recursive=True)
    before = sum(process.num_fds() for process in family)
    for _ in range(4):
        fetch(fetching, *urls, timeout_ms=700, max_bytes=100_000)
    eventually(lambda: in_use(upstream) == 0)
    eventually(lambda: sum(process.num_fds() for process in family) <= before + len(urls))
    assert codes(fetch(fetching, f"{upstream.url}/")) == [200]


def in_use(upstream: Upstream) -> int:
    return upstream.counts()["answering"]


def eventually(condition: Any, limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A socket that answers every request with the same bytes and closes; its port and what it was sent."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    requests.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], requests
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@contextmanager
def other_server(like: Running, upstreams: str, names: Path | None = None) -> Iterator[Running]:
    """The same server with another list, and with its names resolved from a file."""
    row = SERVERS[like.name]
    port = free_port()
    with ExitStack() as stack:
        line = launch(row, port=port, files=Path(__file__).parent)
        environment = {"TWINS_UPSTREAMS": upstreams}
        if names is not None:
            line = Launch([*line.command[:-1], f"tests.resolved:{row.application}"], line.environment)
            environment["TWINS_TEST_NAMES"] = str(names)
        yield stack.enter_context(running_command(like.name, line, port, environment))


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
def test_what_is_not_http_is_broken(fetching: Running, answer: bytes) -> None:
    with answering(answer) as (port, _), other_server(fetching, f"http://127.0.0.1:{port}") as server:
        assert codes(fetch(server, f"http://127.0.0.1:{port}/")) == ["broken"]


@pytest.mark.parametrize("fetching", [name for name in DEEP if SERVERS[name].processes == 1], indirect=True)
def test_a_name_is_connected_to_where_it_was_checked(
    fetching: Running, upstream: Upstream, tmp_path: Path
) -> None:
    """Names whose second look-up leads to loopback (DNS rebinding), and names that lead there at once.

    Each server process counts its look-ups: with several, the second fetch may be another's first.
    """
    names = tmp_path / "names.json"
    port = upstream.port
    good = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\nSet-Cookie: a=b\r\n\r\ngood"
    with answering(good.encode()) as (good_port, requests):
        names.write_text(
            json.dumps(
                {
                    "rebound.test": [["127.0.0.1"], ["127.0.0.2"]],
                    "loop.test": [["127.0.0.1"]],
                    "mapped.test": [["::ffff:127.0.0.1"]],
                    "private.test": [["10.0.0.1", "192.168.0.1", "169.254.169.254", "fe80::1%eth0", "::1"]],
                    "group.test": [["224.0.0.1", "::", "100.64.0.1", "64:ff9b::7f00:1"]],
                    "both.test": [["127.0.0.2", "127.0.0.1"]],
                }
            )
        )
        hosts = ("rebound.test", "both.test", "loop.test", "mapped.test", "private.test", "group.test")
        listed = [f"http://{host}:{port}" for host in hosts]
        listed += [f"http://{host}:{good_port}" for host in ("rebound.test", "both.test", "127.0.0.1")]
        with other_server(fetching, " ".join(listed), names) as server:
            upstream.reset()
            assert codes(fetch(server, f"http://rebound.test:{good_port}/x")) == [200]
            assert codes(fetch(server, f"http://rebound.test:{good_port}/x")) == ["private-address"]
            assert codes(fetch(server, f"http://both.test:{good_port}/y?z=%2F")) == [200]
            refused = ("loop.test", "mapped.test", "private.test", "group.test", "both.test")
            found = codes(fetch(server, *(f"http://{host}:{port}/" for host in refused)))
            assert found == ["private-address"] * len(refused)
            assert codes(fetch(server, f"http://unlisted.test:{port}/")) == ["not-allowed"]
            assert upstream.hits() == 0
    assert requests[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert requests[1].startswith(b"GET /y?z=%2F HTTP/1.1\r\n")
    for request, host in zip(requests, ("rebound.test", "both.test"), strict=True):
        fields = request.decode().lower().split("\r\n")
        assert f"host: {host}:{good_port}" in fields
        assert "accept-encoding: identity" in fields
        assert not [field for field in fields if field.startswith("cookie")]


def test_environment_proxies_are_not_used(fetching: Running, upstream: Upstream) -> None:
    with answering(b"") as (port, requests):
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), f"http://127.0.0.1:{port}")
        environment = {**proxies, "TWINS_UPSTREAMS": upstream.url}
        with running(fetching.name, Path(__file__).parent, environment=environment) as server:
            assert codes(fetch(server, f"{upstream.url}/")) == [200]
        assert requests == []
