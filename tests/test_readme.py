"""The README tells the truth: its commands run as they stand, its tables name all there is.

`python -m tests.test_readme` writes the tables of servers, plans and scenarios anew.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.lab.planfile import shipped_plans
from loadtests.report import reference
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.subject import Launch
from loadtests.subjects.twins.servers import SERVERS
from shared import settings as limits
from shared.corpus import default_directory, ensure_corpus
from tests.conftest import require
from tests.contract.test_errors import BY_PARSER
from tests.servers import Running, free_port, running, running_command

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for text in (README, (ROOT / "CONTRIBUTING.md").read_text())
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
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
    """On the port of a server started here and into a folder of its own; one reads what another left."""
    line = line.replace(":8001", f":{serve_corpus.port}").replace("results/", f"{results}/")
    program = shutil.which(shlex.split(line)[0], path=ENVIRONMENT["PATH"])
    require(program, f"{line.split()[0]} is not installed")
    done = subprocess.run(  # noqa: S603 - a command of our own README
        [program or "", *shlex.split(line)[1:]],
        cwd=ROOT,
        env={**ENVIRONMENT, "TWINS_RESULTS": str(results)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr


def tables() -> dict[str, str]:
    """The rows of the README's tables of all there is, by section."""
    return {
        "servers": "\n".join(f"| `{row.name}` | {row.model} | {row.summary} |" for row in SERVERS.values()),
        "plans": "\n".join(f"| `{name}` | {line} |" for name, line in shipped_plans().items()),
        "scenarios": "\n".join(f"| `{row.name}` | {row.question} |" for row in SCENARIOS.values()),
    }


@pytest.mark.parametrize("name", ["servers", "plans", "scenarios"])
def test_every_server_plan_and_scenario_is_named(name: str) -> None:
    assert section(name) == tables()[name], "the tables are written by: python -m tests.test_readme"


def test_every_setting_is_named() -> None:
    source = (ROOT / "shared" / "settings.py").read_text()
    for name in set(re.findall(r'"(TWINS_[A-Z_]+)"', source)):
        assert f"`{name}`" in README, name  # a row of the table of variables


def test_every_folder_is_named() -> None:
    found = {path.parent.relative_to(ROOT) for path in ROOT.glob("*/__init__.py")} - {Path("loadtests")}
    found |= {path.relative_to(ROOT) for path in ROOT.glob("loadtests/[!_]*") if [*path.glob("[!_]*")]}
    for folder in found:
        assert f"`{folder}/`" in section_of("Where things are"), folder


def test_the_limits_are_those_that_are_set() -> None:
    told = section_of("Limits")
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
    assert section(part) + "\n" == reference.part_of_readme(part)
    assert section(part).count("|") > 50


def section(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", README, re.DOTALL)
    assert found is not None
    return found[1]


def section_of(title: str) -> str:
    """What stands under a heading, its lines joined."""
    return " ".join(README.partition(f"\n## {title}\n")[2].partition("\n## ")[0].split())


if __name__ == "__main__":
    text = README
    for part, rows in tables().items():
        text = reference.into_readme(text, part, rows + "\n")
    (ROOT / "README.md").write_text(text)
