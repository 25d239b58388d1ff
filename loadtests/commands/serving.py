"""`twins serve`: becomes a server of the table."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from loadtests.commands.options import Files, files_directory
from loadtests.commands.places import check_places
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import nearest
from loadtests.lab.servers.ports import is_taken
from loadtests.subjects.registry import SERVERS
from loadtests.subjects.subject import Order


def serve(
    name: Annotated[str, typer.Argument(help="Server of the table; see `twins list servers`.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    processes: Annotated[int | None, typer.Option(min=1, help="Server processes.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of each process.")] = None,
    as_shipped: Annotated[
        bool, typer.Option("--as-shipped", help="With its project's own defaults, and none of ours.")
    ] = False,
    files: Files = None,
    cpu: Annotated[str | None, typer.Option(help="Pin to these processors, such as 0 or 0,1.")] = None,
) -> None:
    """Start a server of the table in the foreground; its process id and signals are its own."""
    if name not in SERVERS:
        raise PlanError(f"there is no server '{name}'; {nearest(name, SERVERS)}")
    server = SERVERS[name]
    if program := server.missing():
        raise PlanError(f"{name} needs {program}, which is not installed.")
    if files is None:
        check_places()
    try:
        directory = files_directory(files)
        started = server.launch(
            Order(
                host=host,
                port=port,
                processes=processes,
                threads=threads,
                as_shipped=as_shipped,
                files=directory,
                directory=Path(),
            )
        )
    except ValueError as error:
        raise PlanError(str(error)) from None
    command = started.command
    if started.configuration is not None:
        path = Path(tempfile.mkdtemp(prefix="twins-")) / "server.conf"
        text = started.configuration.replace("{configuration}", str(path))
        path.write_text(text, encoding="utf-8")
        command = [part.replace("{configuration}", str(path)) for part in command]
    if is_taken(host, port):
        raise PlanError(f"port {port} of {host} is taken; end what listens there, or give another --port.")
    if cpu is not None:
        _pin(cpu)
    os.execvpe(command[0], command, {**os.environ, **started.environment})  # noqa: S606  a row of the table


def _pin(text: str) -> None:
    try:
        os.sched_setaffinity(0, {int(part) for part in text.split(",")})
    except AttributeError:
        raise PlanError("--cpu: this system cannot pin processes.") from None
    except (ValueError, OSError):
        known = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise PlanError(
            f"--cpu {text} does not name processors of this machine; valid are {known}."
        ) from None
