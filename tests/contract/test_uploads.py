"""Uploads and deletions: whole or not at all, checked, conditional, and only with the token."""

import hashlib
import json
import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.settings import UPLOADS_FOLDER
from tests.contract.conftest import DEEP, TWINS
from tests.servers import Running, running
from tests.wire import Answer, ask, exchange, read_answer, request_bytes

TOKEN = ("Authorization", "Bearer open sesame")
LIMIT = 3_000_000


@pytest.fixture(scope="module", params=TWINS)
def writable(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Every server of the table in turn, with writes on and its own folder."""
    folder = tmp_path_factory.mktemp("writable")
    (folder / "there.txt").write_bytes(b"there")
    environment = {
        "TWINS_TOKEN": "open sesame",
        "TWINS_MAX_UPLOAD_BYTES": str(LIMIT),
        "TWINS_TEST": str(folder),
    }
    with running(request.param, folder, environment=environment) as server:
        FOLDERS[server.port] = folder
        yield server


FACES = pytest.mark.parametrize("writable", DEEP, indirect=True)
FOLDERS: dict[int, Path] = {}


def put(server: Running, name: str, body: bytes, *headers: tuple[str, str]) -> Answer:
    fields = [("Content-Length", str(len(body))), TOKEN, *headers]
    return ask(server.port, "PUT", "/files/" + name, fields, body)


def get(server: Running, name: str) -> Answer:
    return ask(server.port, "GET", "/files/" + name)


def left_over(server: Running) -> list[str]:
    folder = FOLDERS[server.port] / UPLOADS_FOLDER
    return os.listdir(folder) if folder.is_dir() else []


def test_what_is_stored_is_served(writable: Running) -> None:
    body = bytes(range(256)) * 8000
    stored = put(writable, "new/folder/a%20b.bin", body)
    digest = hashlib.sha256(body).digest()
    assert (stored.status, stored.body) == (201, b"")
    assert stored.header("location") == "/files/new/folder/a%20b.bin"
    served = get(writable, "new/folder/a%20b.bin")
    assert served.body == body
    assert served.header("etag") == stored.header("etag") == f'"{digest[:16].hex()}"'
    replaced = put(writable, "new/folder/a%20b.bin", b"")
    assert (replaced.status, replaced.header("content-length")) == (204, None)
    assert get(writable, "new/folder/a%20b.bin").body == b""
    assert left_over(writable) == []


def test_digests_are_checked(writable: Running) -> None:
    body = b"checked"
    good = f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:"
    best = f"sha-512=:{b64encode(hashlib.sha512(body).digest()).decode()}:"
    assert put(writable, "checked", body, ("Content-Digest", f"{good}, {best}, md5=:AAAA:")).status in (
        201,
        204,
    )
    for field in (good.replace("=:", "=:AAAA", 1), "sha-256=abc", "sha-256=:?:"):
        assert put(writable, "unchecked", body, ("Content-Digest", field)).status == 400
    assert put(writable, "unchecked", b"other", ("Content-Digest", good)).status == 400
    assert put(writable, "unchecked", b"other", ("Content-Digest", f"{good}, {best}")).status == 400
    assert get(writable, "unchecked").status == 404
    assert left_over(writable) == []


BODY = b"checked"
TRUE = {
    name: b64encode(hashlib.new(name.replace("-", ""), BODY).digest()).decode()
    for name in ("sha-256", "sha-512", "md5")
}
OTHER = b64encode(hashlib.sha256(b"other").digest()).decode()


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("sha-256=:{sha-256}:", 201),
        ("sha-256=:{bare}:", 201),  # RFC 9651 section 4.2.7: padding may be left out
        ("sha-512=:{sha-512}:", 201),
        ("sha-256=:{sha-256}:;a=1;b", 201),  # 3.1.2: parameters
        ('sha-256=:{bare}:; q="a,b:c"; r=:AA:; s=?0, md5=:AAAA:;x', 201),
        ("md5=:AAAA:", 201),  # algorithms that are not known are ignored (RFC 9530 section 2)
        ("*other=:AAAA:, x.y_z-1=::", 201),
        ("sha-256=:{sha-256}:\t,  sha-512=:{sha-512}:", 201),
        ("sha-256=:{other}:, sha-256=:{sha-256}:", 201),  # the last of a key holds
        ("", 201),
        ("sha-256=:{other}:", 400),
        ("sha-256=:{sha-256}:, sha-256=:{other}:", 400),
        ("sha-512=:{sha-256}:", 400),
        ("sha-256=::", 400),
        ("md5=:AAAA:, sha-256=:{other}:;a", 400),
        ("sha-256", 400),
        ("sha-256=?1", 400),
        ('sha-256="{sha-256}"', 400),
        ("sha-256={sha-256}", 400),
        ("sha-256=(:{sha-256}:)", 400),
        ("SHA-256=:{sha-256}:", 400),
        ("sha-256=:{sha-256}:,", 400),
        ("sha-256=:{sha-256}: sha-512=:{sha-512}:", 400),
        ("sha-256=:{sha-256}", 400),
        ("sha-256=:{sha-256}:;A=1", 400),
        ("md5=17", 400),
        ("sha-256=:=:", 400),
        ("sha-256=:ab cd:", 400),
    ],
)
@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
@FACES
def test_digest_fields(writable: Running, name: str, field: str, status: int) -> None:
    values = {**TRUE, "bare": TRUE["sha-256"].rstrip("="), "other": OTHER}
    for key, value in values.items():
        field = field.replace("{" + key + "}", value)
    answer = put(writable, "digested", BODY, (name, field))
    assert answer.status == status
    assert get(writable, "digested").status == (200 if status == 201 else 404)
    assert left_over(writable) == []
    ask(writable.port, "DELETE", "/files/digested", [TOKEN])


@FACES
def test_digests_over_several_lines_and_wishes(writable: Running) -> None:
    lines = [("Content-Digest", "md5=:AAAA:"), ("Content-Digest", f"sha-256=:{OTHER}:")]
    assert put(writable, "digested", BODY, *lines).status == 400
    both = [("Content-Digest", f"sha-256=:{TRUE['sha-256']}:"), ("Repr-Digest", f"sha-256=:{OTHER}:")]
    assert put(writable, "digested", BODY, *both).status == 400
    for wish in ("sha-256=10, sha-512=3", "sha-256=0", "md5=1", "(", "sha-256=11"):
        wishes = [("Want-Content-Digest", wish), ("Want-Repr-Digest", wish)]
        answer = ask(writable.port, "GET", "/files/there.txt", wishes)
        assert answer.status == 200
        assert (answer.header("repr-digest") or "").startswith("sha-256=:")


@pytest.mark.parametrize(
    "field",
    [
        ("Content-Range", "bytes 5-8/9"),
        ("Content-Range", "bytes 0-3/4"),
        ("Content-Range", "bytes */4"),
        ("Content-Range", "bytes 5-8/*"),
        ("content-range", "items 1-2/3"),
        ("Content-Range", "nonsense"),
        ("Content-Range", ""),
        ("Upload-Complete", "?0"),
    ],
)
@FACES
def test_no_part_is_stored_as_the_whole(writable: Running, field: tuple[str, str]) -> None:
    """RFC 9110 section 14.5; whether there is such a file or not, and before the body has come."""
    before = get(writable, "there.txt").body
    for name in ("there.txt", "not-there.txt"):
        answer = put(writable, name, b"tail", field)
        assert answer.status == 400
        assert answer.header("content-type") == "application/problem+json"
    assert get(writable, "there.txt").body == before
    assert get(writable, "not-there.txt").status == 404
    head = request_bytes("PUT", "/files/there.txt", [TOKEN, field, ("Content-Length", "1000000")])
    assert exchange(writable.port, head).status == 400
    assert ask(writable.port, "PUT", "/files/there.txt", [field], b"x").status == 401
    assert left_over(writable) == []


@FACES
def test_a_content_range_means_nothing_elsewhere(writable: Running) -> None:
    """RFC 9110 section 14.4: what a method does not define is ignored; so is a Range of a PUT (14.2)."""
    field = ("Content-Range", "bytes 0-3/9")
    assert put(writable, "part", b"whole", ("Range", "bytes=0-1")).status == 201
    assert put(writable, "part", b"whole", ("Upload-Complete", "?1")).status == 204
    assert ask(writable.port, "GET", "/files/part", [field]).body == b"whole"
    work = b'{"operation":"words","text":"a"}'
    answer = ask(writable.port, "POST", "/process", [("Content-Type", "application/json"), field], work)
    assert answer.status == 200
    assert ask(writable.port, "DELETE", "/files/part", [TOKEN, field]).status == 204


def test_conditions(writable: Running) -> None:
    assert put(writable, "there.txt", b"x", ("If-None-Match", "*")).status == 412
    assert put(writable, "there.txt", b"x", ("If-Match", '"other"')).status == 412
    assert put(writable, "not-there.txt", b"x", ("If-Match", "*")).status == 412
    tag = get(writable, "there.txt").header("etag") or ""
    assert put(writable, "there.txt", b"there", ("If-Match", tag)).status == 204
    assert put(writable, "fresh.txt", b"x", ("If-None-Match", "*")).status == 201
    assert ask(writable.port, "DELETE", "/files/fresh.txt", [TOKEN, ("If-Match", '"other"')]).status == 412
    assert ask(writable.port, "DELETE", "/files/fresh.txt", [TOKEN]).status == 204
    assert ask(writable.port, "DELETE", "/files/fresh.txt", [TOKEN]).status == 404
    assert get(writable, "fresh.txt").status == 404


def test_only_with_the_token(writable: Running, serve: object) -> None:
    for field in ([], [("Authorization", "Bearer wrong")], [("Authorization", "Basic open sesame")]):
        for method in ("PUT", "DELETE"):
            answer = ask(writable.port, method, "/files/there.txt", field)
            assert (answer.status, answer.header("www-authenticate")) == (401, "Bearer")
    assert get(writable, "there.txt").body == b"there"


@pytest.mark.parametrize("name", DEEP)
def test_writes_are_off_without_a_token(name: str, library: Path) -> None:
    with running(name, library) as server:
        assert ask(server.port, "PUT", "/files/x", [TOKEN], b"x").status == 403
        assert ask(server.port, "DELETE", "/files/blob.bin", [TOKEN]).status == 403


@pytest.mark.parametrize(
    "name", ["..%2fx", "a//b", "", UPLOADS_FOLDER + "/x", "there.txt/below", "a%00", "%ff"]
)
def test_names_that_cannot_be_stored(writable: Running, name: str) -> None:
    assert put(writable, name, b"x").status == 400
    assert left_over(writable) == []


def test_a_folder_is_not_replaced_and_links_do_not_lead_out(writable: Running, tmp_path: Path) -> None:
    folder = FOLDERS[writable.port]
    (folder / "folder").mkdir(exist_ok=True)
    (folder / "out").unlink(missing_ok=True)
    (folder / "out").symlink_to(tmp_path)
    assert put(writable, "folder", b"x").status == 400
    assert put(writable, "out/x", b"x").status == 400
    assert put(writable, "out/new/x", b"x").status == 400
    assert list(tmp_path.iterdir()) == []


def test_too_large_is_told_while_the_client_still_sends(writable: Running) -> None:
    assert put(writable, "large", b"x" * (LIMIT + 1)).status == 413
    head = request_bytes("PUT", "/files/large", [TOKEN, ("Transfer-Encoding", "chunked")])
    chunk = b"40000\r\n" + b"x" * 0x40000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", writable.port), timeout=20) as connection:
        connection.sendall(head)
        try:
            for _ in range(40):
                connection.sendall(chunk)
        except OSError:
            pass  # the server has said what it had to say
        assert read_answer(connection, "PUT").status == (411 if writable.name == "granian-wsgi" else 413)
    assert get(writable, "large").status == 404
    assert left_over(writable) == []


def test_an_upload_cut_short_leaves_nothing(writable: Running) -> None:
    for head in ([("Content-Length", "1000000")], [("Transfer-Encoding", "chunked")]):
        with socket.create_connection(("127.0.0.1", writable.port), timeout=20) as connection:
            connection.sendall(
                request_bytes("PUT", "/files/there.txt", [TOKEN, *head]) + b"400\r\n" + b"x" * 1000
            )
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        assert get(writable, "there.txt").body == b"there"
    deadline = time.monotonic() + 10  # the connection may end before the server has cleaned up
    while left_over(writable):
        assert time.monotonic() < deadline, left_over(writable)
        time.sleep(0.02)


def test_the_temporary_folder_has_no_address(writable: Running) -> None:
    put(writable, "one", b"1")
    page = json.loads(ask(writable.port, "GET", "/files?limit=1000").body)
    assert not [file for file in page["files"] if UPLOADS_FOLDER in file["path"]]
    assert exchange(writable.port, request_bytes("GET", f"/files/{UPLOADS_FOLDER}/x")).status == 400
