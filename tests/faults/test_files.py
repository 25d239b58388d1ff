"""Hostile names and files that are no files: nothing from outside the folder, nothing that blocks."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.conftest import DEEP
from tests.servers import Running, running
from tests.wire import ask

SECRET = b"outside the catalogue"
ROUNDS = 20_000 if os.environ.get("TWINS_TORTURE") else 600
TRAVERSALS = [
    "../secret",
    "..%2fsecret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "..%5csecret",
    "..%255c..%255csecret",
    "%252e%252e%252fsecret",
    "..%c0%afsecret",
    "%c0%ae%c0%ae/secret",
    "..%ef%bc%8fsecret",
    "%uff0e%uff0e/secret",
    "a/../../secret",
    "a/%2e%2e/%2e%2e/secret",
    "./../secret",
    "..;/secret",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "%00../secret",
    "a%00.txt",
    "secret%00",
    "~/secret",
    "file:///etc/passwd",
    "..",
    "%2e%2e",
    "...%2f...%2fsecret",
    "out/secret",
    "chain/secret",
    "out%2fsecret",
    "alias",
]


Guarded = tuple[Running, Path]


@pytest.fixture(scope="module", params=DEEP)
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server over a folder with a secret beside it, and every kind of thing inside."""
    above = tmp_path_factory.mktemp("above")
    (above / "secret").write_bytes(SECRET)
    folder = above / "served"
    (folder / "a").mkdir(parents=True)
    (folder / "out").symlink_to(above)
    (folder / "chain").symlink_to("out")
    (folder / "alias").symlink_to("../secret")
    (folder / "null").symlink_to("/dev/null")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "stdin").symlink_to("/proc/self/fd/0")
    (folder / "proc").symlink_to("/proc/self/environ")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
    (folder / "plain").write_bytes(b"plain")
    with running(request.param, folder) as server:
        yield server, folder


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_spelling_leads_out(guarded: Guarded, name: str) -> None:
    server, _ = guarded
    for method in ("GET", "HEAD"):
        answer = ask(server.port, method, "/files/" + name)
        assert answer.status in (400, 404), name
        assert SECRET not in answer.body
        assert b"root:" not in answer.body


@pytest.mark.parametrize("name", ["null", "zero", "stdin", "proc", "fifo", "socket", "a", "a/"])
def test_what_is_no_file_is_refused_at_once(guarded: Guarded, name: str) -> None:
    server, _ = guarded
    assert ask(server.port, "GET", "/files/" + name).status in (400, 404)
    page = ask(server.port, "GET", "/files?limit=1000")
    assert f'"path":"{name}"'.encode() not in page.body


def test_a_link_swapped_while_served_leads_nowhere_else(guarded: Guarded) -> None:
    """A folder and a file that turn into links to the outside and back, as fast as they can."""
    server, folder = guarded
    over = threading.Event()
    (folder / "real").mkdir(exist_ok=True)
    (folder / "real" / "secret").write_bytes(b"inside")

    def swap() -> None:
        while not over.is_set():
            for target in ("..", "real"):
                (folder / "next").unlink(missing_ok=True)
                (folder / "next").symlink_to(target)
                os.replace(folder / "next", folder / "swapped")

    swapper = threading.Thread(target=swap, daemon=True)
    swapper.start()
    try:
        seen = set()
        for _ in range(ROUNDS):
            answer = ask(server.port, "GET", "/files/swapped/secret")
            seen.add(answer.status)
            assert SECRET not in answer.body
            assert answer.status in (200, 400, 404, 503), answer
    finally:
        over.set()
        swapper.join()
    assert 200 in seen


def test_an_unreadable_file_and_folder(guarded: Guarded) -> None:
    server, folder = guarded
    (folder / "loop").unlink(missing_ok=True)
    (folder / "loop").symlink_to("loop")
    assert ask(server.port, "GET", "/files/loop").status == 404
    assert ask(server.port, "GET", "/files/plain/below").status == 404
    assert ask(server.port, "GET", "/files?limit=1000").status == 200


@pytest.mark.parametrize(
    "name",
    [
        "a\r\nSet-Cookie: x=1.txt",
        'a"; filename="b.exe',
        "a\tb",
        "日本語\n.html",
        "<script>.html",
        "a;b.svg",
        "\x7f\x01.txt",
    ],
)
def test_a_name_cannot_speak_in_a_header(guarded: Guarded, name: str) -> None:
    server, folder = guarded
    (folder / name).write_bytes(b"<script>alert(1)</script>")
    answer = ask(server.port, "GET", "/files/" + quote(name))
    if "\n" in name:  # it has no address, and no page names it
        assert answer.status == 404
        assert quote(name) not in quote(ask(server.port, "GET", "/files?limit=1000").body)
        return
    assert (answer.status, answer.body) == (200, b"<script>alert(1)</script>")
    assert answer.header("set-cookie") is None
    disposition = answer.header("content-disposition") or ""
    assert disposition.startswith('attachment; filename="')
    assert disposition.count('"') == 2
    assert disposition.endswith(f"filename*=UTF-8''{quote(name, safe='')}")
    assert answer.header("x-content-type-options") == "nosniff"


def test_a_huge_folder_is_paged(guarded: Guarded) -> None:
    server, folder = guarded
    many = folder / "many"
    if not many.exists():
        many.mkdir()
        for number in range(20_000 if os.environ.get("TWINS_TORTURE") else 3_000):
            (many / f"{number:06}").touch()
    answer = ask(server.port, "GET", "/files?limit=10")
    assert answer.status == 200
    assert answer.body.count(b'"path"') == 10
