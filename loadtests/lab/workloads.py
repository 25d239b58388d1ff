"""The requests that a plan writes: their files hashed, every name held to what gives its value."""

import hashlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from loadtests.lab.plan import PlanError, PlanScenario
from loadtests.subjects.own.feeds import read_feed
from loadtests.subjects.own.naming import check_workload
from loadtests.subjects.own.requests import PlanFeed, PlanFile, PlanLogin, Workload

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
    found = {}
    for name in names:
        try:
            found[name] = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(f"the file {name} cannot be read: {error.strerror}") from None
        if request.files.get(name, found[name]) != found[name]:
            raise ValueError(f"the file {name} has changed since the run was begun")
    return request.model_copy(update={"files": found})


def secrets(workloads: Collection[Workload], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of all secrets by the names of their variables; raises PlanError for one that is not set."""
    names = sorted({name for workload in workloads for name in workload.environment()})
    for name in names:
        if not environment.get(name):
            raise PlanError(f"the plan takes a value from env:{name}, and no variable {name} is set.")
    return {name: environment[name] for name in names}
