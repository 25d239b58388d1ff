"""A server of one's own: a command of the plan, or an address where one runs already."""

import shutil
import sys
from dataclasses import dataclass

from loadtests.subjects.subject import Launch, Order, ServerSpec


@dataclass(frozen=True, kw_only=True)
class OwnServer(ServerSpec):
    """In `command`, {port}, {host}, {files} and {python} are filled in; with a `url` nothing is started.

    `declared_slots` are requests that it can serve at the same time, as the plan says.
    """

    command: tuple[str, ...] = ()
    url: str | None = None
    declared_slots: int | None = None

    def slots(self, processes: int | None, threads: int | None) -> int | None:
        return self.declared_slots

    def missing(self) -> str | None:
        program = self.command[0] if self.command else ""
        return None if self.url or shutil.which(program) or program == "{python}" else program

    def launch(self, order: Order) -> Launch:
        values = {
            "{port}": str(order.port),
            "{host}": order.host,
            "{files}": str(order.files),
            "{python}": sys.executable,
        }
        command = list(self.command)
        for name, value in values.items():
            command = [part.replace(name, value) for part in command]
        return Launch(command)
