"""The token stands in no log, no answer and no command line, whatever goes wrong."""

from pathlib import Path

import psutil
import pytest

from tests.contract.conftest import DEEP
from tests.servers import running
from tests.wire import ask

TOKEN = "correct-horse-battery-staple"  # noqa: S105 - of this test alone


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("source", ["TWINS_TOKEN", "TWINS_TOKEN_FILE"])
def test_the_token_is_never_told(name: str, source: str, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "token").write_text(TOKEN + "\n")
    value = TOKEN if source == "TWINS_TOKEN" else str(tmp_path / "token")
    with running(name, tmp_path / "served", environment={source: value}) as server:
        told = b""
        for given in (TOKEN, TOKEN + "x", TOKEN[:-1], "Bearer " + TOKEN, "\x01" + TOKEN):
            field = [("Authorization", f"Bearer {given}")]
            for method, target in (
                ("PUT", "/files/a"),
                ("PUT", "/files/../a"),
                ("DELETE", "/files/none"),
                ("GET", "/health"),
                ("GET", "/none"),
                ("BREW", "/"),
            ):
                answer = ask(server.port, method, target, field, b"x" if method == "PUT" else b"")
                told += answer.body + repr(answer.headers).encode()
        stored = ask(server.port, "GET", "/files/a")
        assert (stored.status, stored.body) == (200, b"x")
        family = psutil.Process(server.process.pid)
        for process in (family, *family.children(recursive=True)):
            told += " ".join(process.cmdline()).encode()
        told += server.log.read_bytes()
    assert TOKEN.encode() not in told
