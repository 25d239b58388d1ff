"""Every scenario runs against both faces, checked by its answers and by the servers' own count."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.checks.soundness import self_checks
from loadtests.model import counters
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.subject import THINK_MS
from tests.conftest import require
from tests.instrument.running import finish, generate, measure, planted, start
from tests.servers import Running, running
from tests.upstreams import Upstream, upstream_running

FACES = ("wsgi-gthread", "asgi-uvicorn")
ARGUMENTS = {
    "process-wait": ("--twins-wait-ms", "20"),
    "get": ("--twins-path", "/files/random/1KiB.bin"),
    "download-cold": ("--users", "1"),
    "beside-readers": ("--twins-readers", "3"),
    "beside-senders": ("--twins-senders", "3"),
    "beside-idle": ("--twins-idle", "50"),
    "beside-waits": ("--twins-wait-ms", "20"),
    "beside-streams": ("--twins-streams", "3"),
}
CALM_MS = "10"
"""The pause after each answer, where a scenario has one: right answers are looked for, not many."""

TOKEN = "of-the-tests"  # noqa: S105 - of a server that lives as long as the tests


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, data in (
        ("random/1KiB.bin", os.urandom(2**10)),
        ("random/1MiB.bin", os.urandom(2**20)),
        ("random/16MiB.bin", os.urandom(16 * 2**20)),
        ("text/1MiB.txt", b"twins " * 2**17),
        ("random/20MiB.bin", os.urandom(20 * 2**20)),
        ("text/64KiB.txt", b"twins " * 10_922),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with upstream_running() as started:
        yield started


@pytest.fixture(scope="module")
def faces(
    files: Path, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Running, Path]]]:
    with ExitStack() as stack:
        started = {}
        for name in FACES:
            count = tmp_path_factory.mktemp("counters") / name
            counters.create(count)
            environment = {
                "TWINS_COUNTERS": str(count),
                "TWINS_TOKEN": TOKEN,
                "TWINS_UPSTREAMS": upstream.url,
            }
            server = stack.enter_context(running(name, files, environment=environment))
            started[name] = (server, count)
        yield started


@pytest.fixture(scope="module")
def planted_port() -> Iterator[int]:
    with planted() as port:
        yield port


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_finds_every_answer_right(
    faces: dict[str, tuple[Running, Path]],
    upstream: Upstream,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    face: str,
) -> None:
    monkeypatch.setenv("TWINS_TOKEN", TOKEN)
    server, count = faces[face]
    before = 0

    def afresh() -> None:
        nonlocal before
        before = counters.total(count)
        upstream.reset()

    outcome = measure(
        tmp_path,
        server.url,
        *(SCENARIOS[name].user_class, "--users", "2", "--spawn-rate", "2"),
        *("--twins-files", str(files), *ARGUMENTS.get(name, ())),
        *(("--twins-think-ms", CALM_MS) if THINK_MS in SCENARIOS[name].parameters else ()),
        *(("--twins-upstream", upstream.url) if SCENARIOS[name].companion else ()),
        afresh=afresh,
    )
    require("page cache" not in outcome.output, outcome.output.splitlines()[-1])
    assert outcome.status == 0, outcome.output
    assert set(outcome.kinds()) == {"ok"}
    found = self_checks(
        outcome.document, outcome.samples, server_count=counters.total(count) - before, ceiling=None
    )
    status = {check.name: check.status for check in found}
    assert status["request count"] == "ok"
    assert all((condition.figure or 0) > 0.1 for condition in outcome.document.conditions)
    assert outcome.document.scenario == name
    assert upstream.hits() == (10 * outcome.document.sent if name == "fan-out" else 0)
    if name == "resume":
        cut, rest = (int((outcome.samples["name"] == number).sum()) for number in (0, 1))
        assert sorted(outcome.document.names) == [
            "/files/random/1MiB.bin cut",
            "/files/random/1MiB.bin resumed",
        ]
        assert abs(cut - rest) <= 2
    if name == "upload":
        stored = [path.read_bytes() for path in (files / "twins-load").iterdir()]
        assert len(stored) == 16
        assert {len(body) for body in stored} == {64 * 1024}
        assert len(set(stored)) == 1


@pytest.mark.parametrize(
    ("user_class", "fault", "kind"),
    [
        ("Range", "whole", "status"),
        ("Range", "shifted", "body"),
        ("Resume", "shifted", "body"),
        ("Resume", "whole", "status"),
        ("Conditional", "whole", "status"),
        ("Churn", "shifted", "body"),
    ],
)
def test_a_wrong_answer_is_seen(tmp_path: Path, user_class: str, fault: str, kind: str) -> None:
    with planted() as port:  # one that counts from the start: its fifth answer comes after the preparation
        outcome = measure(
            tmp_path,
            f"http://127.0.0.1:{port}",
            *(user_class, "--twins-path", f"5/{fault}", "--users", "2", "--twins-think-ms", CALM_MS),
        )
    assert outcome.kinds().keys() == {"ok", kind}, outcome.output


def test_a_server_that_stores_other_bytes_is_seen_before_the_run(
    planted_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINS_TOKEN", TOKEN)
    outcome = generate(tmp_path, f"http://127.0.0.1:{planted_port}", "Upload", "--twins-duration", "1")
    assert outcome.status == 1
    assert "answers with other bytes than were stored there" in outcome.output.splitlines()[-1]


def test_an_upload_without_a_token_is_told_in_a_sentence(
    planted_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TWINS_TOKEN", raising=False)
    outcome = generate(tmp_path, f"http://127.0.0.1:{planted_port}", "Upload", "--twins-duration", "1")
    assert outcome.status == 1
    assert outcome.output.splitlines()[-1] == "uploads need a token: set TWINS_TOKEN to that of the server."


@pytest.mark.parametrize("face", FACES)
def test_a_body_too_large_to_compare_is_digested(
    faces: dict[str, tuple[Running, Path]], files: Path, tmp_path: Path, face: str
) -> None:
    """Against the file that is served, and against one that differs in its last byte."""
    server, _ = faces[face]
    path = files / "random" / "20MiB.bin"
    good = generate(
        tmp_path / "good",
        server.url,
        *("DownloadLarge", "--twins-path", "random/20MiB.bin", "--twins-files", str(files)),
        *("--twins-digest-one-in", "1", "--twins-duration", "0.5"),
    )
    assert set(good.kinds()) == {"ok"}
    assert set(good.samples["received_bytes"].tolist()) == {path.stat().st_size}
    other = tmp_path / "files"
    (other / "random").mkdir(parents=True)
    (other / "random" / "20MiB.bin").write_bytes(path.read_bytes()[:-1] + b"?")
    bad = generate(
        tmp_path / "bad",
        server.url,
        *("DownloadLarge", "--twins-path", "random/20MiB.bin", "--twins-files", str(other)),
        *("--twins-digest-one-in", "1", "--twins-duration", "0.5"),
    )
    assert bad.status == 1
    assert "answers with other bytes than the file" in bad.output.splitlines()[-1]


def test_a_server_that_dies_is_recorded_as_failures(files: Path, tmp_path: Path) -> None:
    with running("asgi-uvicorn", files) as server:
        process = start(
            tmp_path,
            server.url,
            *("DownloadSmall", "--headless", "--only-summary", "--twins-duration", "2", "--users", "2"),
        )
        deadline = time.monotonic() + 20
        while not (tmp_path / "samples.bin").is_file() or not (tmp_path / "samples.bin").stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.process.kill()
        outcome = finish(tmp_path, process)
    kinds = outcome.kinds()
    assert outcome.status == 0
    assert kinds["ok"] > 0
    assert kinds["connect"] > 10
    assert kinds["connect"] < 1_000, "a refused user waits a little before it tries again"
