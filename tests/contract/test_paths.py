"""One reading of the path for routes and names, however it is percent-encoded and below whatever prefix."""

import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from loadtests.subjects.twins.launching import launch
from loadtests.subjects.twins.servers import SERVERS
from tests.contract.conftest import AUTHORIZED, EACH_READER, Writable
from tests.servers import Running, free_port, running_command
from tests.upstreams import Upstream, upstream_running
from tests.wire import ask, exchange

numbers = itertools.count()

WRITTEN = {
    # the target, and the name of the file that it is
    "/%66iles/{}": "{}",
    "/fil%65s/{}": "{}",
    "/%66%69%6c%65%73/{}": "{}",
    "/%66%69%6C%65%73/{}": "{}",
    "/files%2F{}": "{}",
    "/files%2f{}": "{}",
    "%2Ffiles/{}": None,
    "/files/%64/{}": "d/{}",
    "/files/d%2F{}": "d/{}",
    "/%66iles%2Fd%2F{}": "d/{}",
    "/files/%2566/{}": "%66/{}",
    "/%66iles/%25/{}": "%/{}",
    "/%66iles/a%20b/{}": "a b/{}",
    "/%66iles/a+b/{}": "a+b/{}",
    "/%66iles/%C3%BC/{}": "ü/{}",
    "/%66iles/files/{}": "files/{}",
    "http://a/%66iles/{}": "{}",
    "HTTP://a:80/files/{}": "{}",
    "https://u:p@a/files/{}": "{}",
    "ftp://a/%66iles/{}": "{}",
}
"""Those that begin with an escape are no target at all (RFC 9112 section 3.2)."""

REFUSED = {
    "/%66iles": 200,
    "/%66iles/": 400,
    "/%66iles//x": 400,
    "/files/%2Fx": 400,
    "/%66iles/./x": 400,
    "/%66iles/%2e/x": 400,
    "/%66iles/../x": 400,
    "/%66iles/%2e%2E/x": 400,
    "/%66iles/..%2Fx": 400,
    "/%66iles/%5Cx": 400,
    "/%66iles/%00": 400,
    "/%66iles/%ff": 400,
    "/%66iles/%C0%AF": 400,
    "/%66iles/%zz": 404,
    "/%46iles/x": 404,
    "//files/x": 404,
    "/%2Ffiles/x": 404,
    "/./files/x": 404,
    "/x/..%2Ffiles/x": 404,
    "/%2566iles/x": 404,
    "/%68ealth": 200,
    "/health%2F": 404,
    "/%6aobs": 200,
    "/jobs%2Fx": 404,
    "/%6aobs/%ff": 400,
    "/strea%6D?count=1": 200,
    "/strea%6D?format=x": 400,
    "/open%61pi.json": 200,
    "http://a": 404,
    "http://a/": 404,
    "http://a?limit=1": 404,
    "http://a/files?limit=0": 400,
    "https://a:1/health": 200,
}


@pytest.mark.parametrize("target", WRITTEN)
def test_a_file_has_one_name_however_it_is_written(writable: Writable, target: str) -> None:
    written = WRITTEN[target]
    if written is None:
        assert ask(writable.port, "PUT", target, [AUTHORIZED], b"x").status in (400, 404)
        return
    own = f"name-{next(numbers)}.txt"
    name, target = written.format(own), target.format(own)
    answer = ask(writable.port, "PUT", target, [AUTHORIZED], b"content")
    assert (answer.status, answer.header("location")) == (201, "/files/" + quote(name))
    assert (writable.folder / name).read_bytes() == b"content"
    canonical = "/files/" + quote(name)
    for address in (target, canonical):
        assert ask(writable.port, "GET", address).body == b"content"
        assert ask(writable.port, "HEAD", address).header("content-length") == "7"
        assert ask(writable.port, "OPTIONS", address).status == 204
        assert "PUT" in (ask(writable.port, "POST", address).header("allow") or "")
    assert ask(writable.port, "DELETE", target, [AUTHORIZED]).status == 204
    assert ask(writable.port, "GET", canonical).status == 404


@pytest.mark.parametrize("target", REFUSED)
def test_what_a_path_is_once_it_is_decoded(writable: Writable, target: str) -> None:
    answer = ask(writable.port, "GET", target)
    assert answer.status == REFUSED[target], answer.body
    if answer.status >= 400:
        assert answer.header("content-type") == "application/problem+json"


def test_nothing_is_stored_where_it_is_refused(writable: Writable) -> None:
    before = listed(writable.folder)
    for target, status in REFUSED.items():
        if "files" in target and status >= 400 and "?" not in target:
            answer = ask(writable.port, "PUT", target, [AUTHORIZED], b"x")
            assert answer.status in (400, 404) or target == "/%66iles/%zz", target
            if answer.status == 201:
                assert ask(writable.port, "DELETE", target, [AUTHORIZED]).status == 204
    assert listed(writable.folder) == before


def listed(folder: Path) -> set[str]:
    return {os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names}


PREFIX = "/own%20place/v1"


def mounted_command(name: str, folder: Path, port: int, prefix: str) -> tuple[list[str], dict[str, str]]:
    """The command and environment that serve below a prefix, by each server's own option."""
    row = SERVERS[name]
    line = launch(row, port=port, files=folder)
    environment = {**line.environment, "TWINS_TOKEN": "t"}
    if row.server == "granian":
        return [*line.command, "--url-path-prefix", prefix], environment
    if row.interface == "wsgi":
        return line.command, {**environment, "SCRIPT_NAME": prefix}
    return [*line.command[:-1], "--root-path", prefix, line.command[-1]], environment


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with upstream_running() as started:
        yield started


@pytest.fixture(scope="session")
def mounted(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], tuple[Running, Path]]]:
    with ExitStack() as stack:
        started: dict[str, tuple[Running, Path]] = {}

        def start(name: str) -> tuple[Running, Path]:
            if name not in started:
                folder = tmp_path_factory.mktemp(f"mounted-{name}")
                port = free_port()
                prefix = "/own place/v1" if SERVERS[name].server == "granian" else PREFIX
                command, environment = mounted_command(name, folder, port, prefix)
                line = type(launch(SERVERS[name], port=port, files=folder))(command, environment, None)
                health = "/health" if SERVERS[name].server == "uvicorn" else PREFIX + "/health"
                fetching = {"TWINS_UPSTREAMS": upstream.url}
                server = stack.enter_context(running_command(name, line, port, fetching, health=health))
                started[name] = server, folder
            return started[name]

        yield start


def ways(name: str) -> list[str]:
    """What may stand before a path: uvicorn puts its prefix before every path by itself."""
    if SERVERS[name].server == "uvicorn":
        return [""]
    stripped = [] if name == "granian-wsgi" else [""]  # it takes off so many characters, whatever they are
    return [*stripped, PREFIX, "/%6Fwn%20place/%761"]


@pytest.mark.parametrize("name", EACH_READER)
def test_the_service_below_a_prefix(name: str, mounted: Callable[[str], tuple[Running, Path]]) -> None:
    server, folder = mounted(name)
    for number, before in enumerate(ways(name)):
        for target in (f"/files/d/{number} a.txt", f"/%66iles/d%2F{number}%20b.txt"):
            target = before + target.replace(" ", "%20")
            stored = f"d/{number} {target[-5:]}"
            answer = ask(server.port, "PUT", target, [AUTHORIZED], b"content")
            assert (answer.status, answer.header("location")) == (201, f"{PREFIX}/files/{quote(stored)}")
            assert (folder / stored).read_bytes() == b"content"
            assert ask(server.port, "GET", target).body == b"content"
            assert ask(server.port, "GET", target, [("Range", "bytes=0-0")]).status == 206
            assert ask(server.port, "DELETE", target, [AUTHORIZED]).status == 204
        assert ask(server.port, "GET", before + "/health").status == 200
        assert ask(server.port, "OPTIONS", before + "/files/x").status == 204
        refused = ask(server.port, "GET", before + "/nothing")
        assert (refused.status, json.loads(refused.body)["detail"]) == (
            404,
            "There is nothing at '/nothing'.",
        )
    assert ask(server.port, "GET", "/own%20placex/v1/health").status == 404
    assert (
        exchange(server.port, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status == 204
        or name == "granian-wsgi"
    )
    if SERVERS[name].server != "uvicorn":
        assert ask(server.port, "GET", PREFIX).status == 404
        assert ask(server.port, "GET", f"http://a{PREFIX}/health").status == 200
    assert "Traceback" not in server.log.read_text(errors="replace")


@pytest.mark.parametrize("name", EACH_READER)
def test_what_is_fetched_is_stored_at_an_address_below_the_prefix(
    name: str, upstream: Upstream, mounted: Callable[[str], tuple[Running, Path]]
) -> None:
    server, folder = mounted(name)
    fields = [AUTHORIZED, ("Content-Type", "application/json")]
    for before in ways(name):
        sources = [{"url": f"{upstream.url}/?bytes=5", "store": "e/a b.bin"}, {"url": upstream.url}]
        body = json.dumps({"addresses": sources}).encode()
        answer = ask(server.port, "POST", before + "/%66etch", fields, body)
        stored, other = json.loads(answer.body)["results"]
        assert (answer.status, stored["stored"]) == (200, f"{PREFIX}/files/e/a%20b.bin")
        assert "stored" not in other
        assert (folder / "e" / "a b.bin").stat().st_size == 5
        told = (
            stored["stored"].removeprefix(PREFIX) if SERVERS[name].server == "uvicorn" else stored["stored"]
        )
        assert ask(server.port, "GET", told).status == 200
        assert ask(server.port, "DELETE", before + "/files/e/a%20b.bin", [AUTHORIZED]).status == 204
