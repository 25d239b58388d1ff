"""Settings from the environment, the corpus, and the counters."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

from loadtests.model import counters
from shared import corpus
from shared.counters import claim
from shared.settings import SettingError, read_settings

EXPECTED = {
    "random/1KiB.bin": "814813df0e5f0011",
    "random/64KiB.bin": "e6a04d8785266879",
    "text/1KiB.txt": "66425fa409df26f8",
    "text/64KiB.txt": "c3be521f107cc14f",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TWINS_FILES", "/no/such/folder"),
        ("TWINS_HANDLERS", "greenlets"),
        ("TWINS_POOL_SIZE", "many"),
        ("TWINS_UPSTREAMS", "a.example"),
        ("TWINS_KEPT_BYTES", "1MB"),
        ("TWINS_MAX_STREAM_S", "0"),
        ("TWINS_MAX_STREAM_S", "86401"),
        ("TWINS_MAX_STREAM_S", "1.5"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        read_settings({"HOME": "/tmp", name: value})  # noqa: S108 - no file is made there
    assert name in str(error.value)
    assert value in str(error.value)


def test_the_corpus_is_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "SIZES", {"1KiB": 1024, "64KiB": 65536})
    corpus.ensure_corpus(tmp_path)
    digests = {
        path.relative_to(tmp_path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(tmp_path.rglob("*.*"))
    }
    assert digests == EXPECTED
    before = (tmp_path / "text/1KiB.txt").stat().st_ino
    (tmp_path / "random/1KiB.bin").write_bytes(b"cut")
    corpus.ensure_corpus(tmp_path)
    assert (tmp_path / "random/1KiB.bin").stat().st_size == 1024
    assert (tmp_path / "text/1KiB.txt").stat().st_ino == before


def _count(path: Path, times: int) -> None:
    count = claim(path)
    for _ in range(times):
        count()


def test_counts_of_all_processes_add_up(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    counters.create(path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count, args=(path, 1000 + n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    _count(path, 5)
    assert counters.total(path) == 3008
    named = {process.pid: 1000 + number for number, process in enumerate(processes)} | {os.getpid(): 5}
    assert {slot.process: slot.requests for slot in counters.slots(path)} == named


def test_a_map_of_version_1_is_written_and_read_without_process_ids(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    path.write_bytes(bytes((1 + counters.SLOTS) * counters.SLOT_BYTES))
    _count(path, 3)
    assert counters.slots(path) == [counters.Slot(None, 3)]


def test_a_recycled_process_keeps_its_slot_and_one_that_is_gone_takes_no_part() -> None:
    before = [counters.Slot(1, 10), counters.Slot(2, 10), counters.Slot(None, 4)]
    after = [counters.Slot(1, 10), counters.Slot(2, 60), counters.Slot(None, 4), counters.Slot(3, 50)]
    assert counters.growth(before, after, alive={2, 3}) == [counters.Slot(2, 50), counters.Slot(3, 50)]
    assert counters.growth(before, after, alive={1, 2, 3})[0] == counters.Slot(1, 0)
