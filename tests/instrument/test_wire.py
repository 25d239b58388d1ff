"""The wire client on real sockets: methods, uploads, TLS, IPv6, slow reading and sending."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import require
from tests.instrument.running import ROOT, planted


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with planted() as port:
        yield port


def exchange(url: str, *requests: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    told = subprocess.run(  # noqa: S603 - our own child
        [sys.executable, "-m", "tests.instrument.wire_child", url, json.dumps(options), json.dumps(requests)],
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


def test_tls_is_verified_unless_told_otherwise(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = subprocess.run(  # noqa: S603 - openssl, asked for by the next line
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=twins"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=False,
    )
    require(made.returncode == 0, "openssl cannot make a certificate")
    with planted("127.0.0.1", certificate, key) as port:
        url = f"https://127.0.0.1:{port}"
        good = exchange(url, ask(), ask("/bytes/500000"), authority=str(certificate))
        assert [(one["kind"], one["received"]) for one in good] == [("ok", 13), ("ok", 500_000)]
        assert [one["connected"] for one in good] == [True, False]
        assert [one["kind"] for one in exchange(url, ask(), insecure=True)] == ["ok"]
        assert [one["kind"] for one in exchange(url, ask())] == ["connect"]


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
