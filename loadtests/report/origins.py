"""What each server of one's own ran on: its Python, its frameworks and servers, its commit."""

from collections.abc import Mapping
from typing import Any

TOLD = (
    *(
        "flask",
        "werkzeug",
        "django",
        "djangorestframework",
        "fastapi",
        "starlette",
        "pydantic",
        "quart",
        "sanic",
    ),
    *(
        "falcon",
        "bottle",
        "pyramid",
        "tornado",
        "aiohttp",
        "litestar",
        "blacksheep",
        "robyn",
        "asgiref",
        "jinja2",
    ),
    *("gunicorn", "uvicorn", "uvloop", "httptools", "h11", "h2", "granian", "hypercorn", "daphne", "twisted"),
    *(
        "waitress",
        "cheroot",
        "gevent",
        "eventlet",
        "uwsgi",
        "bjoern",
        "sqlalchemy",
        "psycopg",
        "psycopg2",
        "asyncpg",
    ),
    *("httpx", "requests", "orjson", "msgspec"),
)
"""The packages that are told of; all that is installed stands in `manifest.json`."""


def origins(run: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What the servers that a command starts ran on, by their names, joined where that was the same."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for label, server in run["plan"].get("servers", {}).items():
        if server.get("command"):
            groups.setdefault(tuple(_facts(run, label).items()), []).append(label)
    return {", ".join(labels): dict(facts) for facts, labels in groups.items()}


def laboratory_versions(run: Mapping[str, Any]) -> dict[str, str]:
    """What the laboratory runs on, less what only its own servers would, where none of these was measured."""
    servers = run["plan"].get("servers", {}).values()
    versions: dict[str, str] = run["versions"]
    if not servers or any(not (server.get("command") or server.get("url")) for server in servers):
        return versions
    return {name: version for name, version in versions.items() if name.lower().replace("_", "-") not in TOLD}


def _facts(run: Mapping[str, Any], label: str) -> dict[str, str]:
    facts = {}
    if commit := run["revisions"].get(label):
        facts["commit"] = commit
    runtime = run["runtimes"].get(label)
    if runtime is None:
        return {**facts, "python": "not told by its command"}
    build = ", free-threaded build" if runtime["free_threaded"] else ""
    facts["python"] = f"{runtime['implementation']} {runtime['python']}"
    facts["GIL"] = ("on" if runtime["gil"] else "off") + build
    facts["interpreter"] = runtime["executable"]
    packages: dict[str, str] = runtime["packages"]
    return facts | {name: packages[name] for name in TOLD if name in packages}
