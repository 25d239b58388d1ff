"""Each dependency has its reason, a lower bound above known advisories, and a pin within its bound."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
DECLARED = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS]
MENDED = {
    "aiohttp": ("3.13.4", "CVE-2026-22815"),
    "flask": ("3.1.3", "CVE-2026-27205"),
    "granian": ("2.7.4", "CVE-2026-42544, CVE-2026-42545"),
    "gunicorn": ("22.0", "CVE-2024-1135, CVE-2024-6827"),
    "h11": ("0.16", "CVE-2025-43859"),
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "requests": ("2.33", "CVE-2024-47081 and after"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "starlette": ("1.3", "CVE-2025-62727, CVE-2026-48710, CVE-2026-54282"),
    "urllib3": ("2.7", "CVE-2026-21441, CVE-2026-44432"),
    "waitress": ("3.0.1", "GHSA-3f84-rpwh-47g6, GHSA-9298-4cf8-g4wj"),
    "werkzeug": ("3.1.6", "CVE-2026-21860, CVE-2026-27199"),
}


def lower_bound(dependency: Requirement) -> Version:
    (bound,) = [Version(one.version) for one in dependency.specifier if one.operator == ">="]
    return bound


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Why each dependency is here")[2]
    rows = re.findall(r"^\| ([a-z0-9, -]+) \| (.+) \|$", text, re.MULTILINE)
    named = [name for names, reason in rows if names != "package" and reason for name in names.split(", ")]
    assert sorted(named) == sorted({dependency.name for dependency in DECLARED})


@pytest.mark.parametrize("name", MENDED)
def test_a_bound_is_above_what_was_mended(name: str) -> None:
    (dependency,) = [one for one in DECLARED if one.name == name]
    assert lower_bound(dependency) >= Version(MENDED[name][0]), MENDED[name][1]


@pytest.mark.parametrize("dependency", DECLARED, ids=str)
def test_the_lock_pins_it_within_its_bound(dependency: Requirement) -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(rf"^{re.escape(dependency.name)}(?:\[.*?\])?==(\S+)", lock, re.MULTILINE)
    assert pins
    assert all(dependency.specifier.contains(pin) for pin in pins), pins
