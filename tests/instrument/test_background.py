"""Clients in the background: at work, checked, counted apart, and an invalid cell where they were not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtests.background.clients import ClientCounts, ResponseReader, WrongBytes
from loadtests.checks.soundness import cell_state, self_checks
from loadtests.model import counters
from loadtests.model.records import BackgroundDocument, Check
from tests.instrument.running import Outcome, generate, measure, planted
from tests.servers import running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    for name, size in (("random/1KiB.bin", 2**10), ("random/16MiB.bin", 2**24), ("text/1MiB.txt", 2**20)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"twins 16" * (size // 8))
    return folder


def checks(outcome: Outcome, server_count: int | None = None) -> dict[str, Check]:
    found = self_checks(outcome.document, outcome.samples, server_count=server_count, ceiling=None)
    return {check.name: check for check in found}


def beside(
    folder: Path,
    url: str,
    files: Path,
    user_class: str,
    *arguments: str,
    afresh: Callable[[], object] = lambda: None,
) -> Outcome:
    return measure(
        folder,
        url,
        *(user_class, "--users", "2", "--spawn-rate", "2", "--twins-files", str(files)),
        *("--twins-drain", "0.5", *arguments),
        fewest=1,
        afresh=afresh,
    )


def _did(kind: str, done: BackgroundDocument) -> bool:
    return {
        "readers": done.completed == 0 and 0 < done.received_bytes < 2 * 2**20,
        "senders": done.completed == 0 and 0 < done.sent_bytes < 2**16,
        "idle": done.completed == done.sent == done.count,
        "askers": done.completed > 0,
        "streams": done.completed == 0 and done.events >= 3 * done.count,
    }[kind]


@pytest.mark.parametrize("face", ["wsgi-gthread", "asgi-uvicorn"])
def test_every_kind_does_what_it_is_there_for(face: str, files: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    counters.create(count)
    with running(face, files, environment={"TWINS_COUNTERS": str(count)}) as server:
        for user_class, *arguments in (
            ("BesideReaders", "--twins-readers", "4"),
            ("BesideSenders", "--twins-senders", "4"),
            ("BesideIdle", "--twins-idle", "40"),
            ("BesideCpu",),
            ("BesideStreams", "--twins-streams", "4"),
        ):
            before = [0]

            def afresh(before: list[int] = before) -> None:
                before[0] = counters.total(count)

            folder = tmp_path / user_class
            outcome = beside(folder, server.url, files, user_class, *arguments, afresh=afresh)
            assert outcome.status == 0, outcome.output
            (done,) = outcome.document.background
            found = checks(outcome, counters.total(count) - before[0])
            assert found["background"].status == "ok", found["background"]
            assert found["request count"].status == "ok", found["request count"]
            assert done.fewest == done.count
            assert done.wrong == 0
            assert _did(done.kind, done), done
            assert set(outcome.kinds()) == {"ok"}, "none of theirs is among the samples"


def test_a_single_slot_taken_up_ends_in_time_and_is_no_number(files: Path, tmp_path: Path) -> None:
    with running("wsgi-sync", files) as server:
        outcome = beside(tmp_path, server.url, files, "BesideReaders", "--twins-readers", "4")
    assert set(outcome.kinds()) == {"censored"}
    found = checks(outcome)
    assert found["background"].status == "ok"
    state, reason = cell_state(list(found.values()))
    assert state == "invalid"
    assert "2 censored" in str(reason)


def test_connections_that_a_server_closes_make_the_cell_invalid(files: Path, tmp_path: Path) -> None:
    """gunicorn's sync worker keeps no connection alive: there is nothing to be idle on."""
    with running("wsgi-sync", files) as server:
        outcome = beside(tmp_path, server.url, files, "BesideIdle", "--twins-idle", "10")
    found = checks(outcome)
    assert found["background"].status == "failed"
    state, reason = cell_state(list(found.values()))
    assert state == "invalid"
    assert "the server closes or refuses them" in str(reason)


@pytest.fixture
def port() -> Iterator[int]:
    with planted() as port:
        yield port


@pytest.mark.parametrize("fault", ["shifted", "503"])
def test_a_wrong_answer_in_the_background_makes_the_cell_invalid(
    port: int, tmp_path: Path, fault: str
) -> None:
    outcome = generate(
        tmp_path,
        f"http://127.0.0.1:{port}",
        *("BesideReaders", "--twins-readers", "10", "--twins-read-path", f"4/{fault}"),
        *("--twins-path", "4/none", "--twins-duration", "0.4"),
    )
    found = checks(outcome)
    assert outcome.document.background[0].wrong > 0
    assert found["background"].status == "failed"
    assert "were wrong" in found["background"].advice
    assert cell_state(list(found.values()))[0] == "invalid"


@pytest.mark.parametrize(
    ("events", "good"),
    [((1, 2, 3), True), ((1, 3), False), ((2,), False), ((1, 1), False)],
)
def test_events_are_checked_in_order(events: tuple[int, ...], good: bool) -> None:
    counts = ClientCounts()
    answer = ResponseReader({"kind": "streams", "expected": None, "statuses": [200]}, counts)
    answer.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    text = b"".join(b"id: %d\ndata: {}\n\n" % number for number in events)
    if good:
        for byte in text:
            answer.feed(b"1\r\n%c\r\n" % byte)
        assert counts.events == len(events)
    else:
        with pytest.raises(WrongBytes):
            answer.feed(b"%x\r\n%b\r\n" % (len(text), text))


def test_more_connections_than_the_system_allows_are_refused_in_a_sentence(port: int, tmp_path: Path) -> None:
    outcome = generate(
        tmp_path,
        f"http://127.0.0.1:{port}",
        *("BesideIdle", "--twins-idle", "900000000", "--twins-path", "9/none", "--twins-duration", "0.4"),
    )
    assert outcome.status == 1
    assert "open files, and the system allows" in outcome.output.splitlines()[-1]
