"""What is written for readers: README, CONTRIBUTING and docs, with their commands, tables and sections."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}


def commands() -> list[str]:
    """Every line of every block of shell commands."""
    return [
        line
        for text in DOCUMENTS.values()
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]


def between(document: str, name: str) -> str:
    """What stands between two marks of a document."""
    marked = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", DOCUMENTS[document], re.DOTALL)
    assert marked is not None, f"{document} has no part {name}"
    return marked[1]


def joined(document: str, heading: str = "") -> str:
    """A document, or what stands under a heading of it, its lines joined."""
    text = DOCUMENTS[document]
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return " ".join(text.split())
