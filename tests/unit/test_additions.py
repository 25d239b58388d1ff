"""What a new scenario, metric, check, server row or operation takes: these files, and no other.

Each is added to a copy of the project, which must then list, measure, report and serve it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("shared", "wsgi_app", "asgi_app", "loadtests", "tests")
Edit = tuple[str, str, str]  # file, a text that stands in it once, what it becomes

TWINS = "loadtests/subjects/twins"
SCENARIO: list[Edit] = [
    (
        f"{TWINS}/scenarios/plain.py",
        "PLAIN = (\n",
        """PLAIN = (
    Scenario(
        "readiness",
        "Is it ready?",
        "one small answer",
        (THINK_MS,),
        asks=lambda values: [HEALTH],
    ),
""",
    )
]
SERVER: list[Edit] = [
    (
        f"{TWINS}/servers.py",
        """        _row(GUNICORN, "wsgi-sync", """,
        """        _row(GUNICORN, "wsgi-sync-3", "multi-process", "gunicorn sync, 3 processes", processes=3),
        _row(GUNICORN, "wsgi-sync", """,
    )
]
METRIC: list[Edit] = [
    (
        "loadtests/analysis/metrics.py",
        "METRICS = {\n    metric.name: metric\n    for metric in (\n",
        """METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "samples",
            "latency samples",
            "count",
            True,
            "exact",
            lambda cell: cell.latency_samples,
            heading="samples",
            tables=("cases",),
        ),
""",
    )
]
CHECK: list[Edit] = [
    (
        "loadtests/checks/load.py",
        "\n\ndef warmup(",
        """
PLANTED = Rule("planted", 1.0, "requests", "invalid")


def planted(measured: Samples) -> Check:
    return PLANTED.at_most(float(len(measured)), "more than one request")


def warmup(""",
    ),
    (
        "loadtests/checks/soundness.py",
        "        answers(document, samples, measured, error_share),\n",
        "        planted(measured),\n        answers(document, samples, measured, error_share),\n",
    ),
    (
        "loadtests/checks/soundness.py",
        "from loadtests.checks.load import ",
        "from loadtests.checks.load import planted, ",
    ),
]
OPERATION: list[Edit] = [
    (
        "shared/operations.py",
        "\n\nComputingStep = Digest | ",
        """


class Length(Sourced):
    operation: Literal["length"]


ComputingStep = Length | Digest | """.replace("\\\\", ""),
    ),
    (
        "shared/processing.py",
        "\n\n@operate.register\ndef _digest(",
        """


@operate.register
def _length(step: Length, blocks: Iterable[bytes]) -> dict[str, Any]:
    return {"operation": "length", "bytes": sum(map(len, blocks))}


@operate.register
def _digest(""",
    ),
    ("shared/processing.py", "from shared.operations import ", "from shared.operations import Length, "),
]
ADDITIONS = {
    "scenario": (SCENARIO, 1),
    "server": (SERVER, 1),
    "metric": (METRIC, 2),
    "check": (CHECK, 2),
    "operation": (OPERATION, 2),
}
SERVE = """
import json, sys
from pathlib import Path
from tests.servers import running
from tests.wire import ask
for name in ("wsgi-gthread", "asgi-uvicorn"):
    with running(name, Path(sys.argv[1])) as server:
        body = json.dumps({"operation": "length", "text": "four"}).encode()
        answer = ask(server.port, "POST", "/process", [("Content-Type", "application/json")], body)
        contract = json.loads(ask(server.port, "GET", "/openapi.json").body)
        print(json.loads(answer.body)["bytes"], "Length" in contract["components"]["schemas"])
"""
REPORT = """
import sys
from pathlib import Path
from tests.report import synthetic
from loadtests.report import write_report
run = synthetic.write(Path(sys.argv[1]), synthetic.Run())
write_report([run], ["html", "csv"])
print((run / "summary.csv").read_text().partition("\\n")[0])
print((run / "report.html").read_text().count('<th scope="col">samples</th>'))
"""
CHECKED = """
from tests.instrument.test_checks import closed_loop, document, judged
from loadtests.checks.soundness import cell_state
print(cell_state(list(judged(closed_loop(), document()).values())))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in ("README.md", "CONTRIBUTING.md", "pyproject.toml"):
        shutil.copyfile(ROOT / name, folder / name)
    for edits, _ in ADDITIONS.values():
        for file, before, after in edits:
            text = (folder / file).read_text(encoding="utf-8")
            assert text.count(before) == 1, f"{file} has changed: it should hold {before!r} once"
            (folder / file).write_text(text.replace(before, after), encoding="utf-8")
    return folder


def run(copy: Path, *arguments: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(  # noqa: S603 - the copy's own code
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ADDITIONS)
def test_it_takes_so_many_files(name: str) -> None:
    edits, most = ADDITIONS[name]
    assert len({file for file, _, _ in edits}) <= most


def test_a_scenario_and_a_server_are_listed_and_told_in_the_tables_of_the_docs(copy: Path) -> None:
    assert "readiness" in run(copy, "-m", "loadtests.cli", "list", "scenarios")
    assert "wsgi-sync-3" in run(copy, "-m", "loadtests.cli", "list", "servers")
    run(copy, "-m", "tests.test_documents")
    assert "| `readiness` | Is it ready? |" in (copy / "docs/load.md").read_text(encoding="utf-8")
    told = (copy / "docs/serving.md").read_text(encoding="utf-8")
    assert "| `wsgi-sync-3` | multi-process | gunicorn sync, 3 processes |" in told


def test_a_metric_is_a_column_of_every_format(copy: Path, tmp_path: Path) -> None:
    header, columns = run(copy, "-c", REPORT, tmp_path).split()
    assert "samples" in header.split(",")
    assert int(columns) == 1


def test_a_check_decides_what_its_cell_is(copy: Path) -> None:
    assert run(copy, "-c", CHECKED).startswith("('invalid', 'planted: more than one request")


def test_an_operation_is_served_and_described_by_both_faces(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert run(copy, "-c", SERVE, tmp_path).split("\n")[:2] == ["4 True", "4 True"]
