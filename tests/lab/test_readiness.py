"""When a server is ready, and what is said of one that never is; over TLS and below a path, too."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtests import archive
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.servers import running
from loadtests.lab.servers.ports import free_port
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.lab.servers.readiness import OtherProtocol
from loadtests.lab.servers.specs import spec_of
from loadtests.model.records import ServerRun
from loadtests.subjects.subject import Provision
from tests.instrument.test_wire import make_certificate
from tests.lab.conftest import Laboratory

ANSWERING = str(Path(__file__).with_name("answering.py"))
HEALTHY = json.dumps({"interface": "asgi"})
LONG_S = 20.0


def answering(answers: dict[str, tuple[int, str]], *certificate: Path) -> list[str]:
    return ["{python}", ANSWERING, "{port}", json.dumps(answers), *map(str, certificate)]


def started(folder: Path, start_s: float = LONG_S, **server: Any) -> ServerRun:
    """Start a server and stop it again."""
    planned = PlanServer(**server)
    up = running.start(
        running.Start(
            label="mine",
            spec=spec_of("mine", planned),
            planned=planned,
            files=folder,
            provision=Provision(),
            cpus=None,
            directory=folder,
            start_s=start_s,
        )
    )
    return running.stop(up, 2)


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        ({"/": (404, "")}, {}),
        ({"/": (302, "")}, {}),
        ({"/": (500, ""), "/health": (200, HEALTHY)}, {}),
        ({"/": (200, ""), "/health": (500, "")}, {}),
        ({"/": (500, ""), "/up": (204, "")}, {"ready": "/up"}),
        ({"/up": (401, ""), "/health": (503, "")}, {"ready": "/up"}),
        ({"/up": (200, HEALTHY)}, {"health": "/up"}),
        ({"/up": (204, ""), "/health": (200, HEALTHY)}, {"ready": "/up", "expect": {"interface": "asgi"}}),
    ],
)
def test_a_server_is_ready(answers: dict[str, tuple[int, str]], keys: dict[str, Any], tmp_path: Path) -> None:
    run = started(tmp_path, command=answering(answers), **keys)
    declared = [answer for answer in answers.values() if answer[1] == HEALTHY]
    assert run.health == ({"interface": "asgi"} if declared else {})


@pytest.mark.parametrize(
    ("answers", "keys", "sentence"),
    [
        ({"/": (500, "a\n\x07 trace")}, {}, "/ answered 500{for}, its body begins: a � trace;"),
        (
            {"/health": (503, "warming up"), "/": (200, "")},
            {},
            "/health answered 503{for}, its body begins: warming",
        ),
        ({"/up": (503, "")}, {"ready": "/up"}, "/up answered 503{for}, without a body; it wrote nothing"),
        ({"/up": (204, "")}, {"health": "/up"}, "/up answered 204{for}, without a body"),
    ],
)
def test_what_a_server_answered_that_is_not_ready_is_told(
    answers: dict[str, tuple[int, str]], keys: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(Unmeasurable) as error:
        started(tmp_path, 3, command=answering(answers), **keys)
    text = str(error.value)
    begin, _, end = sentence.partition("{for}")
    assert text.startswith(f"the server did not become ready within 3 s: {begin}")
    assert end in text


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import time; time.sleep(60)", "did not become ready within 1 s: nothing listens at 127.0.0.1:"),
        (
            "print('no database'); exit(3)",
            "the server died at start: it exited with status 3; the last lines of its log: no database",
        ),
        ("import os; os.kill(os.getpid(), 9)", "died at start: it was ended by SIGKILL; it wrote nothing"),
    ],
)
def test_what_a_server_did_that_never_answered_is_told(program: str, sentence: str, tmp_path: Path) -> None:
    start_s = 1 if "nothing listens" in sentence else LONG_S
    with pytest.raises(Unmeasurable) as error:
        started(tmp_path, start_s, command=["{python}", "-c", program])
    assert sentence in str(error.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    ("secure", "keys", "sentence"),
    [
        (True, {"scheme": "https"}, "is not trusted (self-signed certificate): name its authority by ca, or"),
        (
            True,
            {},
            'gave no answer of HTTP/1.1 to /health over plain TCP, and speaks TLS: give scheme = "https"',
        ),
        (False, {"scheme": "https"}, "speaks no TLS that we know"),
    ],
)
def test_what_speaks_otherwise_is_told(
    secure: bool, keys: dict[str, Any], sentence: str, certificate: Path, tmp_path: Path
) -> None:
    command = answering({"/": (200, "")}, *([certificate] if secure else []))
    with pytest.raises(Unmeasurable) as error:
        started(tmp_path, 4, command=command, **keys)
    assert sentence in str(error.value)


@pytest.mark.parametrize("secure", [False, True])
def test_a_server_of_http2_alone_is_told_at_once(secure: bool, certificate: Path, tmp_path: Path) -> None:
    """Not after the time to start is over."""
    (tmp_path / "app.py").write_text("async def app(scope, receive, send): ...\n")
    tls = ("--ssl-certificate", str(certificate), "--ssl-keyfile", str(certificate.with_name("key.pem")))
    command = ["{python}", "-m", "granian", "--interface", "asginl", "--http", "2", "--port", "{port}"]
    keys = {"scheme": "https", "insecure": True} if secure else {}
    begun = time.monotonic()
    with pytest.raises(
        OtherProtocol, match=r"^127\.0\.0\.1:\d+ speaks HTTP/2 alone, and the load generator HTTP/1"
    ):
        started(
            tmp_path,
            300,
            command=[*command, *(tls if secure else ()), "app:app"],
            directory=str(tmp_path),
            **keys,
        )
    assert time.monotonic() - begun < 100


@pytest.fixture
def based() -> Iterator[str]:
    """The address of a server that answers below a path alone."""
    port = free_port()
    command = [sys.executable, ANSWERING, str(port), json.dumps({"/base/item?a=1": (200, "item")})]
    with subprocess.Popen(command) as server:  # noqa: S603
        try:
            yield f"http://127.0.0.1:{port}/base"
        finally:
            server.terminate()


def test_certificates_and_a_base_path_are_for_the_load_too(
    laboratory: Laboratory, certificate: Path, based: str
) -> None:
    (laboratory.folder / "ca.pem").write_bytes(certificate.read_bytes())
    command = json.dumps(answering({"/item?a=1": (200, "item")}, certificate))
    plan = laboratory.plan(
        f'[servers.trusted]\ncommand = {command}\nscheme = "https"\nca = "ca.pem"\n'
        f'[servers.accepted]\ncommand = {command}\nscheme = "https"\ninsecure = true\n'
        f'[servers.based]\nurl = "{based}"\n'
        '[scenarios.get]\nparameters = { path = "/item?a=1" }\n[load]\nusers = 1\n'
    )
    outcome = laboratory.twins("suite", plan, "--set", "blocks=1", "--no-report")
    assert outcome.code == 0, outcome.err
    cells = {cell.server: cell for cell in archive.read_cells(laboratory.run_directory())}
    assert {name: cell.state == "invalid" for name, cell in cells.items()} == dict.fromkeys(cells, False)
    assert cells["trusted"].generator_command[-1] != "yes"
    assert str(laboratory.folder / "ca.pem") in cells["trusted"].generator_command


def test_a_server_that_cannot_be_asked_ends_the_run_before_it_begins(laboratory: Laboratory) -> None:
    (laboratory.folder / "app.py").write_text("async def app(scope, receive, send): ...\n")
    command = [
        "{python}",
        "-m",
        "granian",
        "--interface",
        "asginl",
        "--http",
        "2",
        "--port",
        "{port}",
        "app:app",
    ]
    plan = laboratory.plan(
        f"[servers.good]\ncommand = {json.dumps(answering({'/': (200, '')}))}\n"
        f"[servers.other]\ncommand = {json.dumps(command)}\n[scenarios.get]\n[load]\nusers = 1\n"
    )
    outcome = laboratory.twins("suite", plan, "--set", "time.start_s=60")
    assert outcome.code == 2
    assert "twins: servers.other: 127.0.0.1:" in outcome.err
    assert "speaks HTTP/2 alone" in outcome.err.splitlines()[-1]
    assert archive.read_cells(laboratory.run_directory()) == []
