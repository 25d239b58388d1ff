"""The requests that a plan writes: their files hashed, every name held to what gives its value."""

import hashlib
import os
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from loadtests.lab.plan import Plan, PlanError, PlanScenario
from loadtests.subjects.own.feeds import read_feed
from loadtests.subjects.own.naming import check_workload
from loadtests.subjects.own.requests import PlanFeed, PlanFile, PlanLogin, Workload, write_workload

AnyRequest = TypeVar("AnyRequest", bound=PlanLogin)
KEYS = ("requests", "login", "feed", "accounts", "cookies", "sessions")
"""Keys of a scenario that are its workload's."""


def workload_of(planned: PlanScenario) -> Workload | None:
    """A scenario's own requests; None where it is one of the table."""
    if not planned.requests:
        return None
    return Workload(**{key: getattr(planned, key) for key in KEYS})


def complete(planned: PlanScenario, place: str) -> PlanScenario:
    """The scenario with the hashes of its files; raises PlanError for a name or a file that is wrong."""
    try:
        workload = workload_of(planned)
        if workload is None:
            fields = PlanScenario.model_fields
            if extra := [key for key in KEYS if getattr(planned, key) != fields[key].default]:
                raise ValueError(f"{extra[0]} belongs to requests, and this scenario has none")
            return planned
        feed, columns = _known_feed(workload.feed)
        accounts, names = _known_feed(workload.accounts)
        check_workload(workload, columns, names)
        return planned.model_copy(
            update={
                "feed": feed,
                "accounts": accounts,
                "requests": [_known_files(request) for request in workload.requests],
                "login": [_known_files(request) for request in workload.login],
            }
        )
    except ValueError as error:
        raise PlanError(f"{place}: {error}.") from None


def _known_feed(planned: PlanFeed | None) -> tuple[PlanFeed | None, Collection[str]]:
    if planned is None:
        return None, ()
    feed = read_feed(Path(planned.file))
    if planned.sha256 not in (None, feed.sha256):
        raise ValueError(f"the feed {planned.file} has changed since the run was begun")
    return planned.model_copy(update={"sha256": feed.sha256}), feed.columns


def _known_files(request: AnyRequest) -> AnyRequest:
    names = [part.file for part in request.multipart.values() if isinstance(part, PlanFile)]
    if request.body_file is not None:
        names.append(request.body_file)
    files = {}
    for name in names:
        try:
            files[name] = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(f"the file {name} cannot be read: {error.strerror}") from None
        if request.files.get(name, files[name]) != files[name]:
            raise ValueError(f"the file {name} has changed since the run was begun")
    return request.model_copy(update={"files": files})


def requests_file(workload: Workload | None, directory: Path) -> Path | None:
    """The file that the load generator reads a cell's own requests from; it holds no secret."""
    if workload is None:
        return None
    path = directory / "requests.json"
    write_workload(path, workload)
    return path


def check_secrets(plan: Plan) -> None:
    """Hold the environment to what the plan takes of it; raises PlanError."""
    secrets([workload for planned in plan.scenarios.values() if (workload := workload_of(planned))])


def check_hosts(plan: Plan, allowed: Collection[str]) -> None:
    """Requests that a plan makes up go to servers started here, to loopback, and to hosts that were allowed.

    Raises PlanError.
    """
    for label, scenario in plan.scenarios.items():
        if not scenario.requests:
            continue
        for name, server in plan.servers.items():
            if server.url is None or (scenario.servers and name not in scenario.servers):
                continue
            host = urlsplit(server.url).hostname or ""
            if not _is_loopback(host) and host not in {one.lower() for one in allowed}:
                raise PlanError(
                    f"scenarios.{label} would send requests to {host} (servers.{name}), which is not "
                    f"this machine: if it is yours to press, say so by --yes-load {host}."
                )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def secrets(workloads: Collection[Workload], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of all secrets by the names of their variables; raises PlanError for one that is not set."""
    names = sorted({name for workload in workloads for name in workload.environment()})
    for name in names:
        if not environment.get(name):
            raise PlanError(f"the plan takes a value from env:{name}, and no variable {name} is set.")
    return {name: environment[name] for name in names}
