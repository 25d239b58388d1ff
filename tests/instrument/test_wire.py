"""The wire client on real sockets: methods, uploads, TLS, IPv6, slow reading and sending."""

import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import forks
from tests.conftest import require
from tests.instrument.running import ROOT, planted


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


def exchange(
    url: str, *requests: dict[str, Any], around: Sequence[str] = (), **options: Any
) -> list[dict[str, Any]]:
    arguments = [url, json.dumps(options), json.dumps(requests)]
    if forks.POSSIBLE and not around:
        forked = forks.run("wire", arguments, timeout_s=60)
        assert forked.returncode == 0, forked.stderr
        return list(json.loads(forked.stdout))
    child = [sys.executable, "-m", "tests.instrument.wire_child"]
    told = subprocess.run(  # noqa: S603 - our own child
        [*around, *child, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers: list[dict[str, Any]] = json.loads(told.stdout)
    return answers


def ask(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, **more}


def test_answers_without_a_body_keep_the_connection(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    answers = exchange(url, ask(method="HEAD"), ask("/no-content"), ask(), ask("/chunked"), ask("/informed"))
    assert [answer["kind"] for answer in answers] == ["ok"] * 5
    assert [answer["received"] for answer in answers] == [0, 0, 13, 13, 13]
    assert [answer["body"] for answer in answers[2:]] == ["Hello, World!"] * 3
    assert [answer["connected"] for answer in answers] == [True, False, False, False, False]


def test_a_connection_the_server_closed_is_not_used_again(port: int) -> None:
    answers = exchange(f"http://127.0.0.1:{port}", ask("/closing"), ask("/until-close"), ask())
    assert [answer["kind"] for answer in answers] == ["ok"] * 3
    assert [answer["received"] for answer in answers] == [13] * 3
    assert all(answer["connected"] for answer in answers)


def test_a_large_body_is_read_whole_and_compared(port: int) -> None:
    size = 3_000_000
    url, same = f"http://127.0.0.1:{port}", "x" * size
    good, wrong = exchange(
        url,
        ask(f"/bytes/{size // 100}", expected=same[: size // 100]),
        ask(f"/bytes/{size // 100}", expected=same[: size // 100 - 1] + "y"),
    )
    assert (good["kind"], good["received"]) == ("ok", size // 100)
    assert wrong["kind"] == "body"
    (whole,) = exchange(url, ask(f"/bytes/{size}"))
    assert (whole["kind"], whole["received"]) == ("ok", size)


def test_uploads_whole_and_streamed(port: int) -> None:
    answers = exchange(
        f"http://127.0.0.1:{port}",
        ask("/length", "POST", upload=2_000_000),
        ask("/length", "PUT", stream=300, length=300_000),
        ask(),
    )
    assert [answer["body"] for answer in answers] == ["2000000", "300000", "Hello, World!"]


def test_an_upload_can_be_sent_slowly_and_an_answer_read_slowly(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    (sent,) = exchange(url, ask("/length", "POST", upload=10_000), send_rate=20_000)
    assert sent["body"] == "10000"
    assert sent["seconds"] >= 0.5
    (read,) = exchange(url, ask("/bytes/20000"), read_rate=40_000)
    assert read["received"] == 20_000
    assert read["seconds"] >= 0.5
    assert read["first_s"] < read["seconds"] / 2


def make_certificate(folder: Path) -> Path:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = subprocess.run(  # noqa: S603 - openssl, asked for by the next line
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=twins"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    require(made.returncode == 0, "openssl cannot make a certificate")
    return certificate


def test_tls_is_verified_unless_told_otherwise(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    key = certificate.with_name("key.pem")
    with planted("127.0.0.1", certificate, key) as port:
        url = f"https://127.0.0.1:{port}"
        good = exchange(url, ask(), ask("/bytes/500000"), authority=str(certificate))
        assert [(one["kind"], one["received"]) for one in good] == [("ok", 13), ("ok", 500_000)]
        assert [one["connected"] for one in good] == [True, False]
        assert [one["kind"] for one in exchange(url, ask(), insecure=True)] == ["ok"]
        assert [one["kind"] for one in exchange(url, ask())] == ["connect"]


EARLY = {
    "closes": b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
    "stays": b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig",
    "reads on": b"HTTP/1.1 102 Processing\r\n\r\n",
    "begins": b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n",
}
LARGE = 64 << 20


@contextmanager
def hasty(how: str, certificate: Path | None = None) -> Iterator[int]:
    """A server that answers as soon as it has the head of a request, whatever is still to come."""
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if certificate is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate, certificate.with_name("key.pem"))
                connection = context.wrap_socket(connection, server_side=True)
            received = connection.recv(1000)
            connection.sendall(EARLY[how])
            left = LARGE - (len(received) - received.index(b"\r\n\r\n") - 4)
            while how in ("reads on", "begins") and left > 0:
                left -= len(connection.recv(1 << 20))
            if how == "stays":
                ended.wait(20)
            elif left == 0:
                whole = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" if how == "reads on" else b""
                connection.sendall(whole + b"received")
                connection.recv(1)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        ended.set()


@pytest.mark.parametrize("send_rate", [None, 400 << 20])
@pytest.mark.parametrize("how", EARLY)
def test_an_answer_that_comes_early_is_read_while_sending(how: str, send_rate: int | None) -> None:
    """Refused, nothing more is sent; else the rest is, which the server waits for."""
    upload = ask(method="PUT", upload=LARGE)
    with hasty(how) as port:
        first, second = exchange(f"http://127.0.0.1:{port}", upload, upload, send_rate=send_rate)
    if how in ("closes", "stays"):
        assert (first["kind"], first["status"], first["body"]) == ("status", 413, "big")
        assert second["connected"], "the first connection has the rest of a body that was never sent"
        assert second["status"] == 413
    else:
        assert (first["kind"], first["status"], first["body"]) == ("ok", 200, "received")


@pytest.mark.parametrize("how", EARLY)
def test_an_answer_that_comes_early_over_tls(how: str, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with hasty(how, certificate) as port:
        (answer,) = exchange(f"https://127.0.0.1:{port}", ask(method="PUT", upload=LARGE), insecure=True)
    if how in ("closes", "stays"):
        assert (answer["kind"], answer["status"], answer["body"]) == ("status", 413, "big")
    else:
        assert (answer["kind"], answer["status"], answer["body"]) == ("ok", 200, "received")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_each_address_of_a_name_is_tried(host: str, tmp_path: Path) -> None:
    """The name has both; the server listens on one of them."""
    require(os.geteuid() == 0 and shutil.which("unshare"), "only root gives a name two addresses")
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 twofold\n127.0.0.1 twofold\n")
    with planted(host) as port:
        inside = f'mount --bind {shlex.quote(str(hosts))} /etc/hosts && exec "$@"'
        (answer,) = exchange(
            f"http://twofold:{port}", ask(), around=["unshare", "--mount", "sh", "-c", inside, "sh"]
        )
    assert (answer["kind"], answer["body"]) == ("ok", "Hello, World!")


def test_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        require(False, "the machine has no IPv6 loopback")
    with planted("::1") as port:
        (answer,) = exchange(f"http://[::1]:{port}", ask())
    assert (answer["kind"], answer["body"]) == ("ok", "Hello, World!")


def test_nobody_listens() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        (answer,) = exchange(f"http://127.0.0.1:{one.getsockname()[1]}", ask())
    assert answer["kind"] == "connect"
