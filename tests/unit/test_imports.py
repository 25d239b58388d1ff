"""The arrows between the packages, read from the sources: what may import what."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("shared", "wsgi_app", "asgi_app", "loadtests")
PATCHING = ("locust", "gevent")
USERS = (
    "loadtests.subjects.twins.scenarios.users",
    "loadtests.subjects.twins.scenarios.users_of_files",
    "loadtests.subjects.twins.scenarios.users_beside",
    "loadtests.subjects.twins.scenarios.users_of_upstreams",
)
PATCHED = ("loadtests.generator", "loadtests.load", "loadtests.wire", *USERS, "loadtests.locustfile")
SAFE_IN_INSTRUMENT = ("loadtests.checks.soundness", "loadtests.lab.calibration", "loadtests.archive")


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


def sources() -> dict[str, set[str]]:
    return {
        module_name(path): set(imports(ast.parse(path.read_text(encoding="utf-8"))))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


SOURCES = sources()


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def importers(package: str) -> set[str]:
    return {module for module, names in SOURCES.items() if any(within(name, package) for name in names)}


@pytest.mark.parametrize("package", PATCHING)
def test_only_the_generators_process_is_patched(package: str) -> None:
    allowed = (*PATCHED, "wsgi_app.greenlets", "wsgi_app.health") if package == "gevent" else PATCHED
    outside = {m for m in importers(package) if not any(within(m, name) for name in allowed)}
    assert not outside


@pytest.mark.parametrize("start", SAFE_IN_INSTRUMENT)
def test_what_others_read_of_the_instrument_leads_to_no_patching(start: str) -> None:
    """Followed through all modules of ours: importing these must never import gevent or Locust."""
    seen, left = set(), [start]
    while left:
        module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in SOURCES[module]:
            assert not any(within(name, package) for package in PATCHING), f"{module} imports {name}"
            left += [found for found in (name, name.rpartition(".")[0]) if found in SOURCES]
    assert len(seen) > 1


def test_the_users_are_imported_by_the_locustfile_alone() -> None:
    for module in USERS:
        assert importers(module) == {"loadtests.locustfile"}


def test_neither_twin_knows_the_other_and_shared_knows_nobody() -> None:
    forbidden = {
        "shared": ("wsgi_app", "asgi_app", "loadtests"),
        "wsgi_app": ("asgi_app", "loadtests"),
        "asgi_app": ("wsgi_app", "loadtests"),
    }
    for package, others in forbidden.items():
        for other in others:
            assert not {m for m in importers(other) if within(m, package)}, f"{package} imports {other}"


def test_shared_is_the_service_without_a_server() -> None:
    frameworks = ("flask", "werkzeug", "fastapi", "starlette", "gunicorn", "uvicorn", "socket", "asyncio")
    for framework in frameworks:
        assert not {m for m in importers(framework) if within(m, "shared")}, framework


def test_the_report_reads_the_analysis_and_the_analysis_the_archive() -> None:
    for layer in ("loadtests.report", "loadtests.analysis"):
        for module in (m for m in SOURCES if within(m, layer)):
            assert not {name for name in SOURCES[module] if within(name, "loadtests.lab")}, module
    assert not {m for m in importers("loadtests.report") if within(m, "loadtests.analysis")}
    for above in ("loadtests.analysis", "loadtests.report"):
        assert not {m for m in importers(above) if within(m, "loadtests.generator")}


def test_no_module_beside_the_locustfile_hides_one_of_the_standard_library() -> None:
    """Locust puts the locustfile's folder first on the path."""
    names = {path.stem for path in (ROOT / "loadtests").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not names & set(sys.stdlib_module_names)


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
