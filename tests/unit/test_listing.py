"""Pages of a tree, against the sorted list of its files."""

import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalogue import Catalogue
from shared.digests import DigestStore
from shared.listing import list_page, read_cursor, read_limit
from shared.settings import MAX_PAGE, UPLOADS_FOLDER

parts = st.sampled_from(["a", "a.b", "b", "é", "~"])
trees = st.sets(st.lists(parts, min_size=1, max_size=3).map("/".join), max_size=12)


def plant(root: Path, names: set[str]) -> set[str]:
    """Make what of `names` can be made beside the others; the names of the files."""
    made: set[str] = set()
    for name in sorted(names):
        if not any(name.startswith(other + "/") for other in made):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"")
            made.add(name)
    return made


def all_pages(root: Path, limit: int) -> list[str]:
    catalogue = Catalogue(root, DigestStore(root.parent / "state"))
    found: list[str] = []
    after: tuple[str, ...] = ()
    while True:
        page = list_page(catalogue, limit, after)
        found += [file["path"] for file in page["files"]]
        if page["next"] is None:
            return found
        assert len(page["files"]) == limit
        after = read_cursor(page["next"])


@given(trees, st.integers(1, 5))
def test_pages_hold_every_file_once_and_in_order(names: set[str], limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        root.mkdir()
        made = plant(root, names)
        assert all_pages(root, limit) == sorted(made, key=lambda name: name.split("/"))


def test_a_page_has_a_cursor_only_where_another_follows(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    plant(root, {"a", "b"})
    catalogue = Catalogue(root, DigestStore(tmp_path / "state"))
    assert list_page(catalogue, 2, ())["next"] is None
    assert list_page(catalogue, 1, ())["next"] is not None


def test_what_cannot_be_downloaded_is_not_listed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    plant(root, {"a", "folder/b", f"{UPLOADS_FOLDER}/part", "back\\slash", "line\nfeed"})
    plant(tmp_path, {"outside/secret", "root-sibling"})
    for link, target in (
        ("inside", root / "a"),
        ("out", tmp_path / "outside/secret"),
        ("near", tmp_path / "root-sibling"),
        ("loop", root),
        ("nowhere", root / "none"),
    ):
        (root / link).symlink_to(target)
    assert all_pages(root, 10) == ["a", "folder/b", "inside"]


def test_a_page_may_have_as_many_as_is_said() -> None:
    assert read_limit({"limit": str(MAX_PAGE)}) == MAX_PAGE
    assert read_limit({"limit": "1"}) == 1


def test_a_path_without_an_address_is_not_listed(tmp_path: Path) -> None:
    """Paging goes on across it, whatever a page ends with."""
    root = tmp_path / "root"
    long = "/".join(["b" * 250] * 4)  # 1,003 bytes
    fits, longer = f"{long}/{'c' * 20}", f"{long}/{'c' * 21}"
    assert (len(fits), len(longer)) == (1024, 1025)
    umlauts = "/".join(["ü" * 125] * 4) + "/" + "ö" * 11  # 1,025 bytes of fewer characters
    plant(root, {"a", fits, longer, f"{longer}-/x", umlauts, "z"})
    for limit in (1, 2, 10):
        assert all_pages(root, limit) == ["a", fits, "z"]


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_place_to_go_on_from(path: bytes) -> None:
    """As the contract has it: a cursor leads nowhere but on in the list."""
    cursor = urlsafe_b64encode(path).decode("ascii").rstrip("=")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        made = plant(root, {"a", "b/c", "~"})
        after = read_cursor(cursor)
        files = list_page(Catalogue(root, DigestStore(root.parent / "state")), 9, after)["files"]
        assert [file["path"] for file in files] == sorted(
            name for name in made if tuple(name.split("/")) > after
        )
