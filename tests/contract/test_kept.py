"""Small files are kept in memory after their first download: what is answered then is the same, and true."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.contents import KEPT_FILE_BYTES
from tests.contract.conftest import TWINS, Writable
from tests.servers import Running
from tests.wire import Answer, ask

TOKEN = ("Authorization", "Bearer t")
SMALL, LARGEST, LARGER = b"0123456789" * 10, os.urandom(KEPT_FILE_BYTES), os.urandom(KEPT_FILE_BYTES + 1)
Served = tuple[Running, Path]


@pytest.fixture(params=TWINS)
def served(request: pytest.FixtureRequest, writable_servers: Callable[[str], Writable]) -> Served:
    started = writable_servers(request.param)
    return started.server, started.folder


def get(server: Running, name: str, *fields: tuple[str, str], method: str = "GET") -> Answer:
    return ask(server.port, method, "/files/" + name, list(fields))


def put(folder: Path, name: str, content: bytes) -> None:
    """As the contract asks: written beside, then renamed."""
    (folder / ".next").write_bytes(content)
    os.replace(folder / ".next", folder / name)


@pytest.mark.parametrize(
    "content", [SMALL, LARGEST, LARGER, b""], ids=["small", "largest", "larger", "empty"]
)
def test_the_second_answer_is_the_first(served: Served, content: bytes) -> None:
    server, folder = served
    put(folder, "a.bin", content)
    tag = get(server, "a.bin", method="HEAD").header("etag") or ""
    asked: list[tuple[str, list[tuple[str, str]]]] = [
        ("GET", []),
        ("HEAD", []),
        ("GET", [("Range", "bytes=7-18")]),
        ("GET", [("Range", "bytes=-3,0-0,2-4")]),
        ("GET", [("Range", f"bytes={len(content)}-")]),
        ("GET", [("If-None-Match", tag)]),
        ("GET", [("If-Match", '"other"')]),
    ]
    first = [get(server, "a.bin", *fields, method=method).comparable() for method, fields in asked[1:]]
    for _ in range(2 * (1 + 3 * server.name.endswith("-forked"))):  # every server process keeps its own
        whole = get(server, "a.bin")
        assert (whole.status, whole.body) == (200, content)
    again = [get(server, "a.bin", *fields, method=method).comparable() for method, fields in asked[1:]]
    assert again == first


def test_a_kept_file_that_is_replaced_or_removed_is_kept_no_more(served: Served) -> None:
    server, folder = served
    for content in (b"old", b"new", b"anew"):
        put(folder, "b.txt", content)
        for _ in range(3):
            assert get(server, "b.txt").body == content
    assert ask(server.port, "PUT", "/files/b.txt", [TOKEN], b"put").status == 204
    assert get(server, "b.txt").body == get(server, "b.txt").body == b"put"
    assert ask(server.port, "DELETE", "/files/b.txt", [TOKEN]).status == 204
    assert get(server, "b.txt").status == 404
    put(folder, "b.txt", b"back")
    assert get(server, "b.txt").body == b"back"


def test_a_kept_file_that_becomes_a_link_to_the_outside_is_refused(served: Served) -> None:
    server, folder = served
    put(folder, "c.txt", b"inside")
    assert get(server, "c.txt").body == get(server, "c.txt").body == b"inside"
    (folder.parent / f"{folder.name}-secret").write_bytes(b"secret")
    (folder / "link").symlink_to(folder.parent / f"{folder.name}-secret")
    os.replace(folder / "link", folder / "c.txt")
    assert get(server, "c.txt").status == 400
