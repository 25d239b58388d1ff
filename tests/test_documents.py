"""README and docs tell the truth: commands run as they stand, links lead somewhere, tables name all there is.

`python -m tests.test_documents` writes the tables of servers, plans and scenarios anew.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from loadtests.analysis.metrics import METRICS
from loadtests.archive import columns
from loadtests.archive.tables import write_tables
from loadtests.lab.order import planned_cells
from loadtests.lab.planfile import find_plan, read_plan, shipped_plans
from loadtests.lab.suite import estimate_s
from loadtests.report import reference
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.servers import SERVERS
from shared import settings as limits
from shared.corpus import default_directory, ensure_corpus
from tests import forks
from tests.conftest import require
from tests.contract.test_errors import BY_PARSER
from tests.documents import DOCUMENTS, ROOT, between, commands, joined
from tests.servers import Running, free_port, running, running_command

COMMANDS = list(dict.fromkeys(commands()))
SERVING = [
    line
    for line in COMMANDS
    if re.match(r"(twins serve|python -m|gunicorn|granian|env \S+ uvicorn|uvicorn)\b", line)
]
MAKING = [line for line in COMMANDS if line.startswith("make ")]
OTHERS = [line for line in COMMANDS if line not in SERVING and line not in MAKING]
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
LIMIT_S = 120


@pytest.mark.parametrize("line", SERVING)
def test_a_server_starts_as_written(line: str) -> None:
    port = free_port()
    command = shlex.split(re.sub(r"\b800[12]\b", str(port), line))
    program = shutil.which(command[0], path=ENVIRONMENT["PATH"])
    require(program, f"{command[0]} is not installed")
    with running_command(line, Launch([program or "", *command[1:]]), port, ENVIRONMENT) as server:
        assert server.process.poll() is None


@pytest.mark.parametrize("line", MAKING)
def test_a_target_exists(line: str) -> None:
    subprocess.run(["make", "-n", *shlex.split(line)[1:]], cwd=ROOT, check=True, capture_output=True)  # noqa: S603, S607


@pytest.fixture(scope="module")
def serve_corpus() -> Iterator[Running]:
    with running("wsgi-gthread", ensure_corpus(default_directory())) as server:
        yield server


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.mark.parametrize("line", OTHERS)
def test_a_command_runs_as_written(line: str, serve_corpus: Running, results: Path) -> None:
    """On the port of a server started here, into a folder of its own, and for a second where it is for
    three; one reads what another left. The console script is started for the lists, forked for the rest."""
    line = line.replace(":8001", f":{serve_corpus.port}").replace("results/", f"{results}/")
    line = re.sub(r"(duration|-t) 3", r"\1 1", line)
    line = line.replace("--duration 1", "--duration 1 --warmup 0.5") if line.startswith("twins run") else line
    program = shutil.which(shlex.split(line)[0], path=ENVIRONMENT["PATH"])
    require(program, f"{line.split()[0]} is not installed")
    environment = {**ENVIRONMENT, "TWINS_RESULTS": str(results)}
    name, *arguments = shlex.split(line)
    if name == "twins" and forks.POSSIBLE and not line.startswith("twins list"):
        done = forks.run("twins", arguments, timeout_s=LIMIT_S, environment=environment)
    else:
        done = subprocess.run(  # noqa: S603 - a command of our own documents
            [program or "", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr


TABLES = {
    "servers": "docs/serving.md",
    "plans": "README.md",
    "scenarios": "docs/load.md",
    "requests": "docs/data.md",
    "timeseries": "docs/data.md",
    "metrics": "docs/data.md",
}
"""The document that has each table of all there is."""


def rows(table: str) -> str:
    if table == "servers":
        return "\n".join(f"| `{row.name}` | {row.model} | {row.summary} |" for row in SERVERS.values())
    if table in columns.TABLES:
        told = columns.TABLES[table]
        return "\n".join(f"| `{c.name}` | {c.kind} | {c.unit} | {c.description} |" for c in told)
    if table == "metrics":
        return "\n".join(f"| `{m.name}` | `{m.column}` | {m.unit} | {m.label} |" for m in METRICS.values())
    if table == "plans":
        return "\n".join(f"| `{name}` | {_takes(name)} | {line} |" for name, line in shipped_plans().items())
    return "\n".join(f"| `{row.name}` | {row.question} |" for row in SCENARIOS.values())


def _takes(name: str) -> str:
    plan = read_plan(find_plan(name))
    return f"{estimate_s(plan, planned_cells(plan)) / 60:.0f} min"


@pytest.mark.parametrize("table", TABLES)
def test_everything_is_named(table: str) -> None:
    written = between(TABLES[table], table)
    assert written == rows(table), "the tables are written by: python -m tests.test_documents"


QUERIES = re.findall(r"^```sql\n(.*?)^```", DOCUMENTS["docs/data.md"], re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results with one run in it, and its tables."""
    (old,) = (ROOT / "tests" / "archives" / "v1").iterdir()
    run = tmp_path_factory.mktemp("written") / old.name
    shutil.copytree(old, run)
    write_tables(run)
    return run.parent


@pytest.mark.parametrize("query", QUERIES, ids=[query.partition("\n")[0][3:] for query in QUERIES])
def test_a_query_answers(query: str, written: Path) -> None:
    rows = duckdb.execute(query.replace("'results/", f"'{written}/")).fetchall()
    assert rows
    assert all(value is not None for value in rows[0])


def test_there_are_five_queries() -> None:
    assert len(QUERIES) == 5


def test_every_setting_is_named() -> None:
    source = (ROOT / "shared" / "settings.py").read_text()
    for name in set(re.findall(r'"(TWINS_[A-Z_]+)"', source)):
        assert f"| `{name}`" in DOCUMENTS["docs/serving.md"] or f"`{name}`" in joined("docs/serving.md"), name


def test_every_folder_is_named() -> None:
    folders = {path.parent.relative_to(ROOT) for path in ROOT.glob("*/__init__.py")} - {Path("loadtests")}
    folders |= {path.relative_to(ROOT) for path in ROOT.glob("loadtests/[!_]*") if [*path.glob("[!_]*")]}
    for folder in folders:
        assert f"`{folder}/`" in joined("docs/architecture.md", "Where things are"), folder


def test_the_limits_are_those_that_are_set() -> None:
    told = joined("docs/limits.md")
    kib = {name: getattr(limits, name) // 1024 for name in vars(limits) if name.endswith("_BYTES")}
    assert (
        f"targets over {kib['MAX_TARGET_BYTES']} KiB (414); a header over {kib['MAX_FIELD_BYTES']} KiB, "
        in told
    )
    assert f" {kib['MAX_FIELDS_BYTES']} KiB together, over {limits.MAX_FIELDS} names or over" in told
    assert (
        f" {limits.MAX_FIELD_LINES} lines (431); JSON bodies over {kib['MAX_JSON_BYTES'] // 1024} MiB" in told
    )
    differing = [case for case, (_, answers) in BY_PARSER.items() if len(set(answers)) > 1]
    assert f": {', '.join(differing)}." in told


@pytest.mark.parametrize("part", reference.PARTS)
def test_what_was_measured_is_what_is_kept_of_the_runs(part: str) -> None:
    written = between(reference.PARTS[part].document, part)
    assert written + "\n" == reference.part_text(part)
    assert written.count("|") > 40


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Files and headings of ours; addresses elsewhere are not asked."""
    for link in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[document]):
        if re.match(r"https?:", link):
            continue
        name, _, heading = link.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), f"{document} links to {link}"
        if heading:
            target = path.read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.+)$", target, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings}
            anchors |= set(re.findall(r'<a id="([^"]+)"', target))
            assert heading in anchors, f"{document} links to {link}"


def test_every_document_is_linked_from_the_readme() -> None:
    for document in DOCUMENTS:
        assert document == "README.md" or f"({document})" in DOCUMENTS["README.md"], document


def test_the_readme_is_short() -> None:
    assert DOCUMENTS["README.md"].count("\n") <= 180


def test_the_findings_of_the_readme_are_those_of_the_reference_runs() -> None:
    """Each ratio, interval and rate that it names stands in the tables of docs/results.md."""
    told = joined("README.md", "What was found")
    figures = re.findall(r"[\d,.]+(?:\u00d7|/s)", told)
    assert len(figures) >= 15
    for figure in figures:
        assert figure in DOCUMENTS["docs/results.md"], figure


if __name__ == "__main__":
    for table, document in TABLES.items():
        path = ROOT / document
        text = path.read_text(encoding="utf-8")
        path.write_text(reference.between_marks(text, table, rows(table) + "\n"), encoding="utf-8")
