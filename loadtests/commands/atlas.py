"""`twins atlas`: what servers really do, asked of the table's or of one's own."""

import ipaddress
import sys
import time
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from loadtests.commands.options import Json, files_directory
from loadtests.lab.plan import PlanError
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.planfile import nearest, read_plan
from loadtests.lab.servers.ports import HOST, free_port
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.lab.servers.specs import HEALTH, spec_of
from loadtests.subjects.atlas import readings
from loadtests.subjects.atlas.asking import ask_all
from loadtests.subjects.atlas.page import MARK, figures
from loadtests.subjects.atlas.probe import Probe
from loadtests.subjects.atlas.readings import Atlas, ServerReading
from loadtests.subjects.atlas.rows import ROWS, ServerRow
from loadtests.subjects.atlas.running import NotStarted
from loadtests.subjects.atlas.table import PROBES
from loadtests.subjects.subject import Order

INSTALL = "pip install 'wsgi-asgi-twins[atlas]'"


def atlas(
    servers: Annotated[
        list[str] | None,
        typer.Argument(help="Servers of the atlas, or of the plan; all where none is named."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(help="Ask the servers of this plan, which serve an application of their own."),
    ] = None,
    probe: Annotated[
        list[str] | None, typer.Option(help="Only this probe; may be given several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask servers what they really do: connections, requests, responses, ending, sizes. A minute for each."""
    rows = plan_rows(plan) if plan is not None else ROWS
    for name in servers or ():
        if name not in rows:
            raise PlanError(f"there is no server '{name}'; {nearest(name, rows)}")
    probes = _chosen(probe or [])
    seen: dict[str, ServerReading] = {}
    for row in [rows[name] for name in servers or rows]:
        try:
            seen[row.name] = _asked(row, probes, as_json)
        except (Missing, NotStarted) as error:
            if servers or not isinstance(error, Missing):
                raise Unmeasurable(str(error)) from None
            _say(f"{error} It is left out.")
    document = readings.atlas(seen)
    if as_json:
        print(document.model_dump_json(indent=1, exclude_none=True))
    if plan is None:
        _say_changes(document)


class Missing(RuntimeError):
    """A server that is not installed."""


def _chosen(names: list[str]) -> list[Probe]:
    known = {probe.name: probe for probe in PROBES}
    for name in names:
        if name not in known:
            raise PlanError(f"there is no probe '{name}'; {nearest(name, known)}")
    return [known[name] for name in names] or list(PROBES)


def _asked(row: ServerRow, probes: list[Probe], as_json: bool) -> ServerReading:
    versions = row.versions()
    if versions is None:
        raise Missing(f"{row.name} is not installed here whole ({', '.join(row.parts)}): {INSTALL}.")
    start = time.monotonic()
    if not as_json:
        releases = ", ".join(f"{part} {release}" for part, release in versions.items())
        print(f"{row.name} ({releases})" if releases else row.name)
    server = readings.reading(row, versions, ask_all(row, probes))
    if not as_json:
        for probe in probes:
            if probe.name in server.rows:
                print(_line(probe, server))
    _say(f"{row.name}: {len(server.rows)} answers in {time.monotonic() - start:.0f} s")
    return server


def _line(probe: Probe, server: ServerReading) -> str:
    row = server.rows[probe.name]
    figure = figures(row, probe.unit)
    mark = MARK if probe.differs(row.answer) else " "
    return f"{mark} {probe.name:<18} {row.answer}{f' ({figure})' if figure else ''}"


def _say_changes(document: Atlas) -> None:
    for change in readings.changes(readings.read(), document):
        _say(change.sentence(f"{change.probe} is"))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def plan_rows(path: Path) -> dict[str, ServerRow]:
    """The servers of a plan as rows; raises PlanError."""
    return {name: _plan_row(name, server) for name, server in read_plan(path).servers.items()}


def _plan_row(name: str, server: PlanServer) -> ServerRow:
    path = server.ready or server.health or HEALTH
    if server.url is not None:
        return _running(name, server.url, path)
    for key in ("directory", "revision"):
        if getattr(server, key) is not None:
            raise PlanError(f"{name}: the atlas starts servers in a folder of its own; leave out {key}.")
    if server.secure:
        raise PlanError(f"{name}: the atlas speaks plain HTTP; leave out scheme.")
    spec = spec_of(name, server)
    port = free_port()
    started = spec.launch(
        Order(
            host=HOST,
            port=port,
            processes=server.processes if isinstance(server.processes, int) else None,
            threads=server.threads if isinstance(server.threads, int) else None,
            as_shipped=False,
            files=Path() if server.command is not None else files_directory(None),
            directory=Path(),
        )
    )
    if started.configuration is not None:
        raise PlanError(f"{name}: {spec.name} is no Python server; the atlas has no row for it.")
    command = started.command
    bare = any(part.startswith(("bare:", "wsgi:bare:")) for part in command)
    interface = "asgi" if command[-1] == "bare:asgi" else "wsgi" if bare else ""
    return ServerRow(
        name,
        interface,
        (),
        tuple(command),
        environment=tuple({**started.environment, **server.environment}.items()),
        path="/" if bare else path,
        port=port,
        bare=bare,
    )


def _running(name: str, url: str, health: str) -> ServerRow:
    parts = urlsplit(url)
    try:
        here = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = False
    if not here or parts.scheme != "http":
        raise PlanError(
            f"{name}: url is {url}; the atlas asks servers of this machine, such as http://{HOST}:8000."
        )
    return ServerRow(name, "", (), (url,), path=health, port=parts.port or 80, url=url, bare=False)
