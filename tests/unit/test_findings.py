"""The findings keep to their form, and their table names them all.

`python -m tests.unit.test_findings` writes the table anew.
"""

import os
import re
from pathlib import Path

import pytest

FINDINGS = Path(__file__).parent.parent.parent / "findings"
PROGRAMS = sorted(FINDINGS.glob("*.sh"))
HEADINGS = ["What", "Versions", "Seen", "For Twins"]
HEAD = """# Findings

What outside software really does where a good guess is wrong. Each installs what it is about,
runs it without Twins and fails where it has changed: `bash findings/NAME.sh`.

| finding | what | versions |
|---|---|---|
"""


def header(path: Path) -> dict[str, str]:
    """The comment at a program's top by its headings, each as one line."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    parts = re.split(rf"(?:^|\n)({'|'.join(HEADINGS)}): ", "\n".join(lines))
    return {name: " ".join(text.split()) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def table() -> str:
    heads = {path.name: header(path) for path in PROGRAMS}
    return HEAD + "".join(
        f"| [{name.removesuffix('.sh')}]({name}) | {head['What']} | {head['Versions']} |\n"
        for name, head in heads.items()
    )


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_finding_keeps_to_its_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert list(header(path)) == HEADINGS
    assert os.access(path, os.X_OK)
    for part in ("set -", "mktemp -d", "trap "):
        assert part in text, part


def test_the_table_names_every_finding() -> None:
    told = (FINDINGS / "README.md").read_text(encoding="utf-8")
    assert told == table(), "the table is written by: python -m tests.unit.test_findings"


if __name__ == "__main__":
    (FINDINGS / "README.md").write_text(table(), encoding="utf-8")
