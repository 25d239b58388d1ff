"""`python -m loadtests.report.reference RUN`: keep what the README shows of a run, and write it there.

Kept in `loadtests/reference/`: the verdicts and cases of `summary.json`, without the machine's paths, and
the pictures. The README's answer follows from them alone.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loadtests.report.markdown import answer_table, case_table
from loadtests.report.page import when

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "loadtests" / "reference"
KEPT = (
    "schema_version",
    "state",
    "requests",
    "finished_cells",
    "planned_cells",
    "sentences",
    "answers",
    "cases",
)
KEPT_OF_RUN = ("run", "plan_name", "quick", "created_unix_s", "seed")
PICTURES = {
    "ratios.svg": "Ratio of each comparison with its interval",
    "throughput.svg": "Throughput over users",
}


def keep(run: Path) -> None:
    """Copy what the README shows of a finished run."""
    summary = json.loads((run / "summary.json").read_text())
    document = {key: summary[key] for key in KEPT}
    document["runs"] = [{key: summary["runs"][0][key] for key in KEPT_OF_RUN}]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "summary.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    for name in PICTURES:
        shutil.copyfile(run / "charts" / name, FOLDER / name)


def answer(document: Mapping[str, Any]) -> str:
    """The README's answer: sentences, verdicts, pictures, cases."""
    run = document["runs"][0]
    blocks = max(answer["blocks"] for answer in document["answers"])
    pictures = "".join(f"![{text}](loadtests/reference/{name})\n\n" for name, text in PICTURES.items())
    return (
        f"From the `{run['plan_name']}` plan with {blocks} blocks, on a virtual machine with two cores,\n"
        f"one for the server and one for the load generator ({when(run['created_unix_s'])}, "
        f"{document['requests']:,} requests measured).\n"
        "Your machine will answer otherwise: that is what `make compare` is for.\n\n"
        f"{answer_table(document)}\n{pictures}"
        "The best of a scenario is in bold; what cannot be told from it has a `~`.\n\n"
        f"{case_table(document)}"
    )


def into_readme(readme: str, text: str) -> str:
    return re.sub(
        r"(<!-- answer -->\n).*?(<!-- /answer -->)",
        lambda found: found[1] + text + found[2],
        readme,
        flags=re.DOTALL,
    )


def main() -> None:
    if len(sys.argv) != 2 or not (Path(sys.argv[1]) / "summary.json").is_file():
        sys.exit(
            "Name the folder of a run that has a report: python -m loadtests.report.reference results/RUN"
        )
    keep(Path(sys.argv[1]))
    document = json.loads((FOLDER / "summary.json").read_text())
    readme = ROOT / "README.md"
    readme.write_text(into_readme(readme.read_text(), answer(document)))


if __name__ == "__main__":
    main()
