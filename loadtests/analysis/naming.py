"""What a server is, in a few words, by its own word where it gave it."""

from pathlib import PurePath

from loadtests.model.records import ServerRun

FRAMEWORKS = {"flask": "Flask", "fastapi": "FastAPI", "django": "Django", "starlette": "Starlette"}
MOST_LETTERS = 60


def told(run: ServerRun | None) -> tuple[str | None, str | None]:
    """(`gunicorn gthread`, `Flask on gunicorn gthread, 1 process × 32 threads`) of a server as it ran."""  # noqa: RUF002
    if run is None:
        return None, None
    health = run.health
    server, kind = (health.get(name) for name in ("server", "worker_class"))
    versions = health.get("versions")
    named = versions if isinstance(versions, dict) else {}
    frameworks = [FRAMEWORKS[name] for name in named if name in FRAMEWORKS]
    if not isinstance(server, str):
        return None, _command(run.command)
    serves = f"{server} {kind}" if isinstance(kind, str) and kind not in (server, "mt") else server
    size = _size(run)
    words = f"{frameworks[0]} on {serves}" if frameworks else serves
    words += ", handlers in threads" if health.get("handlers") == "threads" else ""
    return serves, words + (f", {size}" if size else "")


def _size(run: ServerRun) -> str:
    if run.processes is None:
        return ""
    processes = f"{run.processes} process" + ("" if run.processes == 1 else "es")
    if not run.threads or run.threads == 1:
        return processes
    return f"{processes} × {run.threads} threads"  # noqa: RUF001


def _command(command: list[str]) -> str:
    """A command without its folders: they say nothing to a reader and are nobody's business."""
    words = " ".join(PurePath(word).name if word.startswith("/") else word for word in command)
    return words if len(words) <= MOST_LETTERS else words[: MOST_LETTERS - 1].rstrip() + "…"
