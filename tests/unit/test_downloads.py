"""Plans of downloads that no server need be asked for."""

import hashlib
import os
from pathlib import Path

from shared.downloads import DownloadPlan, plan_download
from shared.entries import describe


def plan(tmp_path: Path, content: bytes, ranges: str) -> DownloadPlan:
    (tmp_path / "file.txt").write_bytes(content)
    entry = describe("file.txt", os.stat(tmp_path / "file.txt"), hashlib.sha256(content).digest())
    return plan_download(entry, "GET", {"range": f"bytes={ranges}"})


def test_a_boundary_is_of_one_content_and_its_ranges(tmp_path: Path) -> None:
    """The same twice, and another one for other ranges and for other bytes."""
    asked = ((b"0123456789", "0-1,5-6"), (b"0123456789", "0-1,5-7"), (b"9876543210", "0-1,5-6"))
    first, other_ranges, other_content = (dict(plan(tmp_path, *one).headers) for one in asked)
    again = dict(plan(tmp_path, *asked[0]).headers)
    assert first["Content-Type"] == again["Content-Type"]
    assert len({found["Content-Type"] for found in (first, other_ranges, other_content)}) == 3


def test_a_plan_of_parts_has_one_content_type_and_its_true_length(tmp_path: Path) -> None:
    found = plan(tmp_path, b"0123456789", "0-1,5-6")
    names = [name for name, _ in found.headers]
    assert len(names) == len(set(names))
    assert found.length == sum(
        part.length if not isinstance(part, bytes) else len(part) for part in found.segments
    )
