"""Every scenario runs against both faces, checked by its answers and by the servers' own count."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.instrument.checks import self_checks
from loadtests.scenarios.descriptions import SCENARIOS
from shared import counters
from tests.instrument.running import finish, generate, start
from tests.servers import Running, running

FACES = ("wsgi-gthread", "asgi-uvicorn")
SHORTER = {"process-wait": ("--twins-wait-ms", "20")}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, data in (
        ("random/1KiB.bin", os.urandom(2**10)),
        ("random/1MiB.bin", os.urandom(2**20)),
        ("random/20MiB.bin", os.urandom(20 * 2**20)),
        ("text/64KiB.txt", b"twins " * 10_922),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def faces(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Running, Path]]]:
    with ExitStack() as stack:
        started = {}
        for name in FACES:
            count = tmp_path_factory.mktemp("counters") / name
            counters.create(count)
            server = stack.enter_context(running(name, files, environment={"TWINS_COUNTERS": str(count)}))
            started[name] = (server, count)
        yield started


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_finds_every_answer_right(
    faces: dict[str, tuple[Running, Path]], files: Path, tmp_path: Path, name: str, face: str
) -> None:
    server, count = faces[face]
    before = counters.total(count)
    outcome = generate(
        tmp_path,
        server.url,
        *(SCENARIOS[name].user_class, "--users", "2", "--spawn-rate", "2", "--twins-duration", "0.4"),
        *(
            "--twins-files",
            str(files),
            *(() if name != "get" else ("--twins-path", "/files/random/1KiB.bin")),
        ),
        *SHORTER.get(name, ()),
    )
    assert outcome.status == 0, outcome.output
    assert set(outcome.kinds()) == {"ok"}
    found = self_checks(
        outcome.document, outcome.samples, server_count=counters.total(count) - before, ceiling=None
    )
    assert {check.name: check.status for check in found}["request count"] == "ok"
    assert outcome.document.scenario == name


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
