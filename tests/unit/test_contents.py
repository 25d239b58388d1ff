"""Small files in memory: bounded, and believed only while their name leads to them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalogue import Catalogue, Opened
from shared.contents import KEPT_FILE_BYTES, Contents, Kept
from shared.digests import DigestStore, identity_of
from shared.downloads import in_memory, plan_download
from shared.entries import describe
from shared.errors import RangeNotSatisfiable


def made(path: Path, content: bytes) -> Kept:
    path.write_bytes(content)
    facts = os.stat(path)
    return Kept(identity_of(facts), describe(path.name, facts, bytes(32)), content)


def test_no_more_is_kept_than_the_limit_and_the_first_leaves_first(tmp_path: Path) -> None:
    kept = Contents(10)
    paths = [str(tmp_path / name) for name in "abc"]
    for path in paths:
        kept.keep(path, made(Path(path), b"1234"))
    assert [kept.find(path) is not None for path in paths] == [False, True, True]
    kept.keep(paths[1], made(Path(paths[1]), b"123456"))
    assert [kept.find(path) is not None for path in paths] == [False, True, True]
    kept.keep(paths[1], made(Path(paths[1]), b"1234567"))
    assert [kept.find(path) is not None for path in paths] == [False, True, False]


@pytest.mark.parametrize(
    ("limit", "size", "wanted"),
    [
        (0, 1, False),
        (10, 0, False),
        (10, 10, True),
        (10, 11, False),
        (2 * KEPT_FILE_BYTES, KEPT_FILE_BYTES, True),
        (2 * KEPT_FILE_BYTES, KEPT_FILE_BYTES + 1, False),
    ],
)
def test_which_files_are_kept(limit: int, size: int, wanted: bool) -> None:
    assert Contents(limit).wants(size) is wanted


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"other"),
        lambda path: path.unlink(),
        lambda path: path.chmod(0o600),
        lambda path: path.rename(path.with_name("moved")),
    ],
    ids=["written", "removed", "made private", "moved"],
)
def test_what_changed_is_not_believed(tmp_path: Path, change: Callable[[Path], object]) -> None:
    path, kept = tmp_path / "a", Contents(100)
    path.touch()
    path.chmod(0o644)
    kept.keep(str(path), made(path, b"first"))
    assert kept.find(str(path)) is not None
    time.sleep(0.02)  # the kernel's clock for files ticks every 10 ms at the worst
    change(path)
    assert kept.find(str(path)) is None


def test_bytes_read_from_a_file_that_changes_are_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    catalogue = Catalogue(tmp_path, DigestStore(tmp_path / "state"))
    opened = catalogue.open("a")
    os.utime(tmp_path / "a", ns=(1, 1))
    catalogue.keep(opened, b"first")
    assert catalogue.kept("a") is None
    os.close(opened.descriptor)


def test_an_entry_of_another_opening_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    catalogue = Catalogue(tmp_path, DigestStore(tmp_path / "state"))
    opened = catalogue.open("a")
    stranger = describe("a", os.stat(tmp_path / "a"), bytes(32))
    catalogue.keep(Opened(stranger, opened.descriptor), b"first")
    assert catalogue.kept("a") is None
    catalogue.keep(opened, bytearray(b"first"))
    kept = catalogue.kept("a")
    assert kept is not None
    assert kept.entry is opened.entry
    assert type(kept.content) is bytes  # which gunicorn insists on
    os.close(opened.descriptor)


def facts_of(size: int) -> os.stat_result:
    """The facts of a file of 1970."""
    return os.stat_result((0o100644, 1, 1, 1, 0, 0, size, 0, 0, 0), {"st_mtime_ns": 0, "st_ctime_ns": 0})


@given(
    st.binary(min_size=1, max_size=50),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1),
)
def test_a_body_from_memory_is_that_of_the_plan(content: bytes, ranges: list[tuple[int, int]]) -> None:
    facts = facts_of(len(content))
    entry = describe("a", facts, bytes(32))
    spec = ",".join(f"{first}-{first + more}" for first, more in ranges)
    try:
        plan = plan_download(entry, "GET", {"range": f"bytes={spec}"})
    except RangeNotSatisfiable:
        return
    body = in_memory(plan, "GET", content)
    expected = b"".join(
        part if isinstance(part, bytes) else content[part.start :][: part.length] for part in plan.segments
    )
    assert (body, len(body)) == (expected, plan.length)
    assert in_memory(plan, "HEAD", content) == b""


def test_a_whole_file_is_not_copied() -> None:
    content = bytes(1000)
    facts = facts_of(len(content))
    plan = plan_download(describe("a", facts, bytes(32)), "GET", {})
    assert in_memory(plan, "GET", content) is content
