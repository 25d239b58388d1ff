"""The arrows between the packages, read from the sources and held to the table of docs/architecture.md."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OURS = ("shared", "wsgi_app", "asgi_app", "loadtests")
SPLIT = "loadtests.subjects"  # each of its modules and packages has a row of its own
PATCHING = {
    "locust": ("loadtests.generator", "loadtests.locustfile"),
    "gevent": (
        *("loadtests.generator", "loadtests.load", "loadtests.wire"),
        *("wsgi_app.greenlets", "wsgi_app.health"),
    ),
}
FRAMEWORKS = ("flask", "werkzeug", "fastapi", "starlette", "gunicorn", "uvicorn", "socket", "asyncio")
TWINS_WORDS = re.compile(r"wsgi_app|asgi_app|TWINS_HANDLERS")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """The full names imported anywhere in a module, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


PATHS = {module_name(path): path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))}
SOURCES = {name: set(imports(ast.parse(path.read_text(encoding="utf-8")))) for name, path in PATHS.items()}


def arrows() -> dict[str, set[str]]:
    """The table of docs/architecture.md: package to the packages it may import."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
    return {name: set(re.findall(r"`([\w.]+)`", allowed)) for name, allowed in rows}


ARROWS = arrows()


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def package_of(name: str) -> str | None:
    """The row a module belongs to, or a name that is imported; None for what is not ours."""
    parts = name.split(".")
    if parts[0] not in OURS:
        return None
    if parts[0] != "loadtests":
        return parts[0]
    return ".".join(parts[: 3 if within(name, SPLIT) else 2])


def breaches(sources: Mapping[str, set[str]]) -> list[str]:
    """The imports that no row allows, as sentences."""
    found = []
    for module, names in sources.items():
        here = package_of(module)
        if here in ("loadtests", SPLIT):
            found += [f"{module} imports {name}" for name in names if package_of(name)]
            continue
        for name in names:
            there = package_of(name)
            if there is not None and there != here and there not in ARROWS.get(here or "", set()):
                found.append(f"{module} imports {name}: the row of {here} has no {there}")
    return sorted(found)


def modules_of(name: str) -> list[str]:
    """The module of ours that an imported name is, or is taken from."""
    return [found for found in (name, name.rpartition(".")[0]) if found in SOURCES][:1]


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Where a walk comes back to a place that is still open."""
    done: set[str] = set()
    found: list[str] = []

    def walk(place: str, open_: tuple[str, ...]) -> None:
        if place in open_:
            found.append(" -> ".join((*open_[open_.index(place) :], place)))
        elif place not in done:
            for other in sorted(graph.get(place, ())):
                walk(other, (*open_, place))
            done.add(place)

    for place in sorted(graph):
        walk(place, ())
    return found


def test_every_import_is_an_arrow_of_the_table() -> None:
    assert breaches(SOURCES) == []


def test_every_package_has_a_row_and_no_row_is_idle() -> None:
    assert {package_of(name) for name in SOURCES} - {"loadtests", SPLIT} == set(ARROWS)
    used: dict[str, set[str]] = {name: set() for name in ARROWS}
    for module, names in SOURCES.items():
        here = package_of(module)
        if here in used:
            used[here] |= {there for name in names if (there := package_of(name)) and there != here}
    assert used == ARROWS


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("loadtests.analysis.cells", "loadtests.lab.archive.read_cells"),
        ("loadtests.model.records", "loadtests.analysis.metrics.METRICS"),
        ("loadtests.checks.load", "loadtests.report.page.page"),
        ("loadtests.lab.cell", "loadtests.subjects.twins.servers.SERVERS"),
        ("loadtests.report.page", "shared.settings.read_settings"),
        ("loadtests.lab.runs", "wsgi_app.launch.gunicorn_command"),
        ("wsgi_app.health", "asgi_app.health.health"),
        ("shared.fetching", "loadtests.model.paths.cache_directory"),
    ],
)
def test_a_forbidden_import_is_told(module: str, name: str) -> None:
    planted = {**SOURCES, module: SOURCES[module] | {name}}
    assert [told.partition(":")[0] for told in breaches(planted)] == [f"{module} imports {name}"]


def test_no_arrow_runs_back_up_and_no_module_is_part_of_a_circle() -> None:
    assert circles(ARROWS) == []
    used = {m: {other for name in names for other in modules_of(name)} - {m} for m, names in SOURCES.items()}
    assert circles(used) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a -> b -> c -> a"]


def test_only_the_registry_knows_the_twins() -> None:
    knowing = {module for module, names in SOURCES.items() if any(within(n, f"{SPLIT}.twins") for n in names)}
    assert {module for module in knowing if not within(module, f"{SPLIT}.twins")} == {f"{SPLIT}.registry"}
    for module, path in PATHS.items():
        if within(module, "loadtests") and not within(module, f"{SPLIT}.twins"):
            assert not TWINS_WORDS.search(path.read_text(encoding="utf-8")), module


@pytest.mark.parametrize("package", PATCHING)
def test_only_the_generators_process_is_patched(package: str) -> None:
    importing = {module for module, names in SOURCES.items() if any(within(name, package) for name in names)}
    assert {m for m in importing if not any(within(m, allowed) for allowed in PATCHING[package])} == set()


@pytest.mark.parametrize(
    "start",
    [
        "loadtests.cli",
        "loadtests.lab.calibration",
        "loadtests.background.clients",
        "loadtests.checks.soundness",
    ],
)
def test_what_runs_beside_the_generator_leads_to_no_patching(start: str) -> None:
    """Followed through all modules of ours: importing these must never import gevent or Locust."""
    seen, left = set(), [start]
    while left:
        module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in SOURCES[module]:
            assert not any(within(name, package) for package in PATCHING), f"{module} imports {name}"
            left += modules_of(name)
    assert len(seen) > 1


def test_shared_is_the_service_without_a_server() -> None:
    for module, names in SOURCES.items():
        if within(module, "shared"):
            assert not {name for name in names if any(within(name, part) for part in FRAMEWORKS)}, module


def test_no_module_beside_the_locustfile_hides_another() -> None:
    """Locust puts the locustfile's folder first on the path."""
    names = {path.stem for path in (ROOT / "loadtests").iterdir() if path.suffix == ".py" or path.is_dir()}
    others = {name for name, owners in packages_distributions().items() if "wsgi-asgi-twins" not in owners}
    assert not names & (set(sys.stdlib_module_names) | others) - {"__pycache__"}


@pytest.mark.parametrize("face", ["wsgi_app", "asgi_app"])
def test_a_server_imports_what_its_settings_need_and_no_more(face: str) -> None:
    """Over SQLite and without upstreams: neither psycopg nor a client library, half of a start's time."""
    command = f"import sys, {face}; {face}.app; print(*sys.modules)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TWINS_")}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    imported = set(done.stdout.split())
    assert f"{face}.fetching" in imported
    assert not imported & {"psycopg", "psycopg_pool", "httpx", "aiohttp"}
