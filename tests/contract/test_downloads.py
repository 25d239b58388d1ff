"""Downloads: RFC 9110 on the wire, the same on every server."""

import hashlib
import os
import zlib
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.contract.conftest import TORTURE, TWINS
from tests.servers import Running
from tests.wire import Answer, ask

BLOB = "blob.bin"
SIZE = 256 * 5120  # more than is kept in memory
DATA = bytes(range(256)) * 5120
NEW_FILES = 200 if TORTURE else 60  # several times as many as there are clients and slots
EVERY = 1 if TORTURE else 4  # of the files of a tree, by chance of their names


def get(server: Running, *headers: tuple[str, str], name: str = BLOB, method: str = "GET") -> Answer:
    return ask(server.port, method, "/files/" + quote(name), list(headers))


def test_a_whole_file_says_all_that_is_known_of_it(any_server: Running, library: Path) -> None:
    answer = get(any_server)
    digest = hashlib.sha256(DATA).digest()
    assert answer.status == 200
    assert answer.body == DATA
    assert answer.header("content-length") == str(SIZE)
    assert answer.header("etag") == f'"{digest[:16].hex()}"'
    assert answer.header("repr-digest") == f"sha-256=:{b64encode(digest).decode()}:"
    assert answer.header("accept-ranges") == "bytes"
    assert answer.header("last-modified") == formatdate(int((library / BLOB).stat().st_mtime), usegmt=True)
    assert (
        answer.header("content-disposition") == "attachment; filename=\"blob.bin\"; filename*=UTF-8''blob.bin"
    )
    assert answer.header("x-content-type-options") == "nosniff"


def test_head_is_get_without_its_body(any_server: Running) -> None:
    head, whole = get(any_server, ("Range", "bytes=0-9"), method="HEAD"), get(any_server)
    assert (head.status, head.body) == (200, b"")
    assert head.comparable()[:2] == whole.comparable()[:2]


def test_many_ask_at_once_for_files_that_nobody_asked_for_before(any_server: Running, library: Path) -> None:
    """Each must be digested first, by one of those that wait for it."""
    folder = library / f"new to {any_server.name}"
    folder.mkdir()
    bodies = {f"{folder.name}/{number}.bin": os.urandom(20_000) for number in range(NEW_FILES)}
    for name, body in bodies.items():
        (library / name).write_bytes(body)
    names = [name for name in bodies for _ in range(8)]
    with ThreadPoolExecutor(32) as clients:
        answers = list(clients.map(lambda name: get(any_server, name=name), names))
    assert [answer.body for answer in answers] == [bodies[name] for name in names]


@pytest.mark.parametrize(
    ("value", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1048000-", 1048000, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-99999999", 0, SIZE),
        ("bytes=0-99999999999999999999999", 0, SIZE),
        ("bytes=0-9,5-19", 0, 20),
        ("BYTES=3-4", 3, 5),
        ("bytes=,5-6 , ,", 5, 7),
        ("bytes=99999999-,7-8", 7, 9),
    ],
)
def test_one_range(server: Running, value: str, start: int, end: int) -> None:
    answer = get(server, ("Range", value))
    assert answer.status == 206
    assert answer.body == DATA[start:end]
    assert answer.header("content-range") == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.header("content-length") == str(end - start)


def test_a_large_range_is_sent_from_where_it_starts(any_server: Running) -> None:
    """It goes another way than a small one: the kernel's, where the server has one."""
    answer = get(any_server, ("Range", "bytes=100001-999999"))
    assert (answer.status, answer.body) == (206, DATA[100_001:1_000_000])


@pytest.mark.parametrize(
    "value",
    ["lines=0-1", "bytes", "bytes=5-3", "bytes=0-0,x", "bytes=0-,0-0", "bytes=-9,-9,0-99999999"],
)
def test_a_range_that_nobody_needs_is_ignored(server: Running, value: str) -> None:
    answer = get(server, ("Range", value))
    assert (answer.status, len(answer.body)) == (200, SIZE)


@pytest.mark.parametrize(
    "members", [f"{SIZE}-", "-0", "", "alpha", "10-alpha", "10", "10-11 12-", "--1", "1-2-3"]
)
def test_no_satisfiable_range(server: Running, members: str) -> None:
    answer = get(server, ("Range", f"bytes={members}"))
    assert answer.status == 416
    assert answer.header("content-range") == f"bytes */{SIZE}"
    assert answer.header("content-type") == "application/problem+json"


def test_several_ranges_come_in_the_order_asked_for(any_server: Running) -> None:
    answer = get(any_server, ("Range", "bytes=500000-500002,0-1,-3"))
    assert answer.status == 206
    kind = answer.header("content-type") or ""
    boundary = kind.removeprefix("multipart/byteranges; boundary=").encode()
    parts = answer.body.split(b"\r\n--" + boundary)
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    bodies = [part.split(b"\r\n\r\n", 1)[1] for part in parts[1:-1]]
    assert bodies == [DATA[500000:500003], DATA[0:2], DATA[-3:]]
    assert f"content-range: bytes 0-1/{SIZE}".encode() in parts[2].lower()
    assert answer.header("content-length") == str(len(answer.body))


def test_more_than_64_ranges_are_the_whole_file(server: Running) -> None:
    at_most = ",".join(f"{2 * n}-{2 * n}" for n in range(64))
    assert get(server, ("Range", f"bytes={at_most}")).status == 206
    answer = get(server, ("Range", f"bytes={at_most},200-200"))
    assert (answer.status, len(answer.body)) == (200, SIZE)


def etag(server: Running) -> str:
    return get(server, method="HEAD").header("etag") or ""


def modified(server: Running) -> str:
    return get(server, method="HEAD").header("last-modified") or ""


def test_if_match(server: Running) -> None:
    tag = etag(server)
    assert get(server, ("If-Match", "*")).status == 200
    assert get(server, ("If-Match", f'"other", {tag}')).status == 200
    assert get(server, ("If-Match", '"other"')).status == 412
    assert get(server, ("If-Match", f"W/{tag}")).status == 412


def test_if_none_match(server: Running) -> None:
    tag = etag(server)
    unchanged = get(server, ("If-None-Match", tag))
    assert (unchanged.status, unchanged.body, unchanged.header("etag")) == (304, b"", tag)
    assert unchanged.header("content-length") is None
    assert get(server, ("If-None-Match", f'"x", W/{tag}')).status == 304
    assert get(server, ("If-None-Match", "*")).status == 304
    assert get(server, ("If-None-Match", '"other"')).status == 200


def test_dates(server: Running) -> None:
    old, now = "Sun, 06 Nov 1994 08:49:37 GMT", modified(server)
    assert get(server, ("If-Modified-Since", now)).status == 304
    assert get(server, ("If-Modified-Since", old)).status == 200
    assert get(server, ("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")).status == 200
    assert get(server, ("If-Modified-Since", "yesterday")).status == 200
    assert get(server, ("If-Unmodified-Since", now)).status == 200
    assert get(server, ("If-Unmodified-Since", old)).status == 412
    assert get(server, ("If-Unmodified-Since", "Sun Nov  6 08:49:37 1994")).status == 412


def test_precedence(server: Running) -> None:
    """RFC 9110 section 13.2.2: a tag condition hides its date, and Range comes last."""
    tag, old = etag(server), "Sun, 06 Nov 1994 08:49:37 GMT"
    assert get(server, ("If-Match", tag), ("If-Unmodified-Since", old)).status == 200
    assert get(server, ("If-None-Match", '"other"'), ("If-Modified-Since", modified(server))).status == 200
    assert get(server, ("If-Match", '"other"'), ("If-None-Match", tag)).status == 412
    assert get(server, ("If-None-Match", tag), ("Range", "bytes=0-1")).status == 304


def test_if_range(server: Running) -> None:
    part = ("Range", "bytes=0-4")
    assert get(server, part, ("If-Range", etag(server))).status == 206
    assert get(server, part, ("If-Range", modified(server))).status == 206
    assert get(server, part, ("If-Range", '"other"')).status == 200
    assert get(server, part, ("If-Range", f"W/{etag(server)}")).status == 200
    for other in ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 31 Dec 2100 23:59:59 GMT"):
        assert get(server, part, ("If-Range", other)).status == 200


@pytest.mark.parametrize(
    "name", ["Grüße aus Köln.txt", 'quo"te.txt', "per%cent.txt", "a b+c&d;e.txt", "empty.bin"]
)
def test_odd_names(any_server: Running, library: Path, name: str) -> None:
    answer = get(any_server, name=f"odd names/{name}")
    assert (answer.status, answer.body) == (200, (library / "odd names" / name).read_bytes())
    assert (answer.header("content-disposition") or "").endswith(f"filename*=UTF-8''{quote(name, safe='')}")


def test_an_empty_file_has_no_ranges(server: Running) -> None:
    name = "odd names/empty.bin"
    assert get(server, ("Range", "bytes=0-0"), name=name).status == 416
    assert get(server, ("Range", "bytes=-5"), name=name).status == 200
    assert get(server, ("Range", "bytes=-0"), name=name).status == 416


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/files/no-such-file", 404),
        ("/files/odd%20names", 404),
        ("/files/", 400),
        ("/files//etc/passwd", 400),
        ("/files/../blob.bin", 400),
        ("/files/%2e%2e/%2e%2e/etc/passwd", 400),
        ("/files/a%00b", 400),
        ("/files/a%5Cb", 400),
        ("/files/a/./b", 400),
        ("/files/%ff%fe", 400),
        ("/files/" + "n" * 1025, 400),
        ("/files/" + "n" * 300, 404),
    ],
)
def test_names_that_name_nothing(any_server: Running, target: str, status: int) -> None:
    answer = ask(any_server.port, "GET", target)
    assert answer.status == status, answer.body
    assert answer.header("content-type") == "application/problem+json"


def test_links_are_followed_inside_the_catalogue_only(server: Running, library: Path) -> None:
    inside, outside, loop = library / "inside.lnk", library / "outside.lnk", library / "loop.lnk"
    for link, target in ((inside, BLOB), (outside, "/etc/passwd"), (loop, "loop.lnk")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    fifo = library / "pipe"
    if not fifo.exists():
        os.mkfifo(fifo)
    try:
        assert get(server, name="inside.lnk").body == DATA
        assert get(server, name="outside.lnk").status == 400
        assert get(server, name="loop.lnk").status == 404
        assert get(server, name="pipe").status == 404
    finally:
        for path in (inside, outside, loop, fifo):
            path.unlink()


def test_every_file_of_a_real_tree(server: Running, library: Path) -> None:
    """Every file of the standard library, found by paging; byte for byte, in the short form of a quarter."""
    import httpx

    expected = {
        path.relative_to(library).as_posix(): path
        for path in library.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    seen: list[str] = []
    with httpx.Client(base_url=server.url, timeout=30) as client:
        after = ""
        while True:
            page = client.get("/files", params={"limit": 500, **({"after": after} if after else {})}).json()
            for file in page["files"]:
                path = expected[file["path"]]
                assert file["size"] == path.stat().st_size
                seen.append(file["path"])
                if zlib.crc32(file["path"].encode()) % EVERY and "odd names" not in file["path"]:
                    continue
                body = client.get("/files/" + quote(file["path"])).content
                assert body == path.read_bytes(), file["path"]
            after = page["next"] or ""
            if not after:
                break
    assert sorted(seen) == sorted(expected)
    assert seen == sorted(seen, key=lambda path: path.split("/"))
    assert len(seen) > 500


def test_table_names_every_twin() -> None:
    assert len(TWINS) >= 8
