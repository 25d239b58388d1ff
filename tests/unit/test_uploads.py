"""Uploads step by step: durable before they are visible, judged again at the end, alone while they end."""

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.catalogue import Catalogue
from shared.digests import DigestStore
from shared.entries import etag_of
from shared.errors import BadName, BadRequest, ContentTooLarge, PreconditionFailed, Unauthorized
from shared.settings import UPLOADS_FOLDER
from shared.uploads import Upload, authorize, sweep
from tests.conftest import require

LIMIT = 100
ETAG = etag_of(hashlib.sha256(b"there").digest())


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "there").write_bytes(b"there")
    return Catalogue(tmp_path / "root", DigestStore(tmp_path / "state"))


def upload(catalogue: Catalogue, name: str, body: bytes, **headers: str) -> Upload:
    """An upload that has its bytes and waits for its end."""
    found = Upload(catalogue, name, {key.replace("_", "-"): value for key, value in headers.items()}, LIMIT)
    found.write(body)
    return found


def left_over(catalogue: Catalogue) -> list[str]:
    return os.listdir(os.path.join(catalogue.root, UPLOADS_FOLDER))


def test_bytes_are_durable_before_they_are_visible_and_nobody_else_changes_the_folder(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(Path("/proc/self/fd").is_dir(), "there is no /proc")
    steps: list[str] = []

    def noted(function: Callable[..., None]) -> Callable[..., None]:
        def call(place: object, *rest: object) -> None:
            name = os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place)
            steps.append(f"{function.__name__} {os.path.relpath(name, catalogue.root).partition('/')[0]}")
            function(place, *rest)

        return call

    def replace(source: str, target: str) -> None:
        folder = os.open(os.path.join(catalogue.root, UPLOADS_FOLDER), os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
        os.rename(source, target)

    replace.__name__ = "replace"
    monkeypatch.setattr(os, "fsync", noted(os.fsync))
    monkeypatch.setattr(os, "replace", noted(replace))
    assert upload(catalogue, "folder/new", b"x").finish().status == 201
    assert steps == [f"fsync {UPLOADS_FOLDER}", f"replace {UPLOADS_FOLDER}", "fsync folder"]
    assert stat.S_IMODE(os.stat(os.path.join(catalogue.root, "folder/new")).st_mode) == 0o644


@pytest.mark.parametrize(
    ("name", "headers"), [("new", {"if_none_match": "*"}), ("there", {"if_match": ETAG})]
)
def test_of_two_uploads_under_one_condition_the_first_to_end_wins(
    catalogue: Catalogue, name: str, headers: dict[str, str]
) -> None:
    first, second = (upload(catalogue, name, body, **headers) for body in (b"first", b"second"))
    assert second.finish().status in (201, 204)
    with pytest.raises(PreconditionFailed):
        first.finish()
    first.abort()
    assert Path(catalogue.root, name).read_bytes() == b"second"
    assert left_over(catalogue) == []


def test_a_change_is_conditional_on_strong_tags(catalogue: Catalogue) -> None:
    with pytest.raises(PreconditionFailed):
        upload(catalogue, "there", b"x", if_match=f"W/{ETAG}")
    with pytest.raises(PreconditionFailed):
        upload(catalogue, "there", b"x", if_none_match=f"W/{ETAG}")


def test_a_body_may_have_as_many_bytes_as_are_stored(catalogue: Catalogue) -> None:
    whole = upload(catalogue, "new", b"x" * LIMIT, content_length=str(LIMIT))
    assert whole.finish().status == 201
    more = upload(catalogue, "more", b"x" * LIMIT)
    with pytest.raises(ContentTooLarge):
        more.write(b"x")
    more.abort()
    with pytest.raises(ContentTooLarge):
        upload(catalogue, "more", b"", content_length=str(LIMIT + 1))
    assert left_over(catalogue) == []


@pytest.mark.parametrize("announced", ["2", "4"])
def test_a_body_is_as_long_as_it_was_announced(catalogue: Catalogue, announced: str) -> None:
    other = upload(catalogue, "new", b"xxx", content_length=announced)
    with pytest.raises(BadRequest, match="Content-Length"):
        other.finish()
    other.abort()
    assert not Path(catalogue.root, "new").exists()


def test_a_link_to_a_folder_beside_the_catalogue_leads_out(catalogue: Catalogue) -> None:
    beside = Path(catalogue.root + "-beside")
    beside.mkdir()
    Path(catalogue.root, "near").symlink_to(beside)
    with pytest.raises(BadName):
        upload(catalogue, "near/new", b"x")
    assert list(beside.iterdir()) == []


def test_what_is_being_written_is_not_swept(catalogue: Catalogue) -> None:
    under_way = upload(catalogue, "new", b"new")
    Path(catalogue.root, UPLOADS_FOLDER, "left").write_bytes(b"by a killed process")
    sweep(catalogue)
    assert len(left_over(catalogue)) == 1
    under_way.finish()
    assert Path(catalogue.root, "new").read_bytes() == b"new"


@pytest.mark.parametrize(
    "field", ["", "Bearer", "Bearer ", "Bearer open", "Bearer open sesame!", "open sesame"]
)
def test_no_other_token_is_the_token(field: str) -> None:
    with pytest.raises(Unauthorized):
        authorize({"authorization": field}, "open sesame")
    authorize({"authorization": "bearer open sesame "}, "open sesame")
