"""Names, their headers, and the digests that stand behind the tags."""

import hashlib
import os
import re
import time
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import digests
from shared.catalogue import Catalogue, check_name, open_file
from shared.digests import DigestStore, identity_of, sha256_of
from shared.entries import content_disposition, etag_of
from shared.errors import BadName, NotFound

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(names)
def test_a_disposition_carries_any_name_and_nothing_else(name: str) -> None:
    last = name.rpartition("/")[2]
    field = content_disposition(name)
    found = re.fullmatch(
        r"attachment; filename=\"([\x20\x21\x23-\x5b\x5d-\x7e]*)\"; filename\*=UTF-8''([!-~]*)", field
    )
    assert found is not None
    assert unquote(found[2]) == last
    assert len(found[1]) == len(last)


def test_a_disposition_quotes_nothing_that_is_read_in_two_ways() -> None:
    """RFC 6266, appendix D: quotes, backslashes and percent signs are understood differently."""
    expected = "attachment; filename=\"a_b_c_41 d_\"; filename*=UTF-8''a%22b%5Cc%2541%20d%C3%A9"
    assert content_disposition('folder/a"b\\c%41 dé') == expected


def test_a_name_has_at_most_1024_bytes() -> None:
    longest = "é" * 512
    assert check_name(longest) == longest
    with pytest.raises(BadName, match="more than 1024 bytes"):
        check_name(longest + "a")


@given(names)
def test_a_name_that_passes_stays_below_the_root(name: str) -> None:
    try:
        check_name(name)
    except BadName:
        return
    assert os.path.normpath("/root/" + name) == "/root/" + name


def test_a_replaced_file_is_known_by_its_new_bytes(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"old")
    catalogue = Catalogue(root, DigestStore(tmp_path / "state"))
    before = catalogue.open("a")
    (root / "new").write_bytes(b"new")
    os.replace(root / "new", root / "a")
    assert catalogue.open_known("a") is None
    after = catalogue.open("a")
    assert os.pread(before.descriptor, 10, 0) == b"old"
    assert os.pread(after.descriptor, 10, 0) == b"new"
    assert before.entry.etag != after.entry.etag == f'"{hashlib.sha256(b"new").hexdigest()[:32]}"'
    again = catalogue.open_known("a")
    assert again is not None
    assert again.entry is after.entry
    for opened in (before, after, again):
        os.close(opened.descriptor)


def test_a_file_written_anew_is_known_by_its_new_bytes_whatever_its_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    facts = os.stat(tmp_path / "a")
    catalogue = Catalogue(tmp_path, DigestStore(tmp_path / "state"))
    os.close(catalogue.open("a").descriptor)
    time.sleep(0.02)  # the kernel's clock for files ticks every 10 ms at the worst
    (tmp_path / "a").write_bytes(b"new")
    os.utime(tmp_path / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert catalogue.open_known("a") is None
    opened = catalogue.open("a")
    assert opened.entry.etag == etag_of(hashlib.sha256(b"new").digest())
    os.close(opened.descriptor)


def test_digests_are_shared_and_outlive_a_broken_store(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    descriptor = os.open(file, os.O_RDONLY)
    identity = identity_of(os.fstat(descriptor))
    digest = DigestStore(tmp_path / "state").digest(descriptor, identity)
    other = DigestStore(tmp_path / "state")
    assert other.digest(-1, identity) == digest  # no descriptor is needed: it was looked up
    (tmp_path / "blocked").write_bytes(b"")
    assert DigestStore(tmp_path / "blocked").digest(descriptor, identity) == digest
    stale = (*identity[:2], 99, *identity[3:])
    assert DigestStore(tmp_path / "fresh").digest(descriptor, stale) is None
    os.close(descriptor)


def test_only_regular_files_inside_are_opened(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(root / "pipe")
    for name, error in (("folder", NotFound), ("link", BadName), ("pipe", NotFound), ("none", NotFound)):
        with pytest.raises(error):
            open_file(str(root), name)
    (tmp_path / "root-sibling").write_bytes(b"secret")
    (root / "near").symlink_to(tmp_path / "root-sibling")
    with pytest.raises(BadName):
        open_file(str(root), "near")


def test_a_file_replaced_while_it_is_digested_is_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    catalogue = Catalogue(tmp_path, DigestStore(tmp_path / "state"))

    def replace_and_digest(descriptor: int) -> bytes:
        if (tmp_path / "file").read_bytes() == b"old":
            (tmp_path / "new").write_bytes(b"new")
            os.replace(tmp_path / "new", tmp_path / "file")
        return sha256_of(descriptor)

    monkeypatch.setattr(digests, "sha256_of", replace_and_digest)
    opened = catalogue.open("file")
    assert os.read(opened.descriptor, 9) == b"new"
    assert opened.entry.etag == etag_of(hashlib.sha256(b"new").digest())
    os.close(opened.descriptor)
