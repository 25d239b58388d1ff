"""Whether a server's global interpreter lock (GIL) came on while it was measured."""

from loadtests.lab.servers.asking import read_health
from loadtests.lab.servers.running import RunningServer
from loadtests.lab.servers.specs import HEALTH
from loadtests.model.interpreters import gil_came_on, turned_on_by


def gil_module(server: RunningServer) -> str | None:
    """The module that turned it on so far, by the server's log; None where none did, or nothing is known."""
    log = server.process.log if server.process is not None else None
    return turned_on_by(log.read_text(errors="replace")) if log is not None and log.is_file() else None


def gil_reasons(server: RunningServer, module: str | None) -> list[str]:
    """Why the cell that was just measured is invalid; `module` had turned the GIL on before it began."""
    health = server.run.health
    told = read_health(server.run.url, HEALTH) if health.get("gil") is False else None
    reason = gil_came_on(health, told, module, gil_module(server))
    return [reason] if reason else []
