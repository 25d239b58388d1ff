"""What a run knows of secrets, and what of it its archive must not hold."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.workloads import workload_of
from loadtests.model.inherited import inherited
from loadtests.model.records import CellRecord, ServerRun
from loadtests.subjects.own.redaction import HIDDEN, cleaned, forms, redacted, unnamed
from loadtests.subjects.own.secrets import sounds_secret, variable

SHORTEST_INHERITED = 8
"""Letters of a variable that a plan inherits; a shorter value may be a word of any log."""


def hidden_of(plan: Plan, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Every form of the secrets that servers and requests of a plan are given."""
    values = []
    for scenario in plan.scenarios.values():
        workload = workload_of(scenario)
        values += [environment.get(name, "") for name in workload.environment()] if workload else []
    for server in plan.servers.values():
        taken = inherited(server.inherit, environment)
        values += [value for value in taken.values() if len(value) >= SHORTEST_INHERITED]
        given = {**taken, **server.environment}
        for name, value in given.items():
            source = variable(value)
            text = value if source is None else environment.get(source, "")
            values += [text] if source is not None or sounds_secret(name) else []
            values += _password(text)
    return forms(values)


def _password(text: str) -> list[str]:
    """The password in an address, as that of a database."""
    try:
        password = urlsplit(text).password if "://" in text else None
    except ValueError:
        return []
    return [password, unquote(password), text] if password else []


def given_environment(environment: Mapping[str, str], label: str) -> dict[str, str]:
    """A server's variables of a plan, those of `env:NAME` looked up; raises PlanError for one not set."""
    found = {}
    for name, value in environment.items():
        source = variable(value)
        if source is not None and source not in os.environ:
            raise PlanError(
                f"servers.{label}.environment.{name} is env:{source}, and no variable {source} is set."
            )
        found[name] = value if source is None else os.environ[source]
    return found


def shown_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """A server's variables of a plan as an archive holds them."""
    return {
        name: HIDDEN if value and variable(value) is None and _is_secret(name, value) else value
        for name, value in environment.items()
    }


def _is_secret(name: str, value: str) -> bool:
    return sounds_secret(name) or bool(_password(value))


def shown_plan(document: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved plan as a manifest holds it."""
    servers = {
        label: {**server, "environment": shown_environment(server["environment"])}
        for label, server in document["servers"].items()
    }
    return {**document, "servers": servers}


def restored_plan(document: Mapping[str, Any], run: str) -> dict[str, Any]:
    """A manifest's plan with its secrets, which the shell has to give; raises PlanError where it does not."""
    servers = {}
    for label, server in document.get("servers", {}).items():
        environment = dict(server.get("environment", {}))
        for name, value in environment.items():
            if value == HIDDEN:
                if name not in os.environ:
                    raise PlanError(
                        f"{run} holds no secrets: set the variable {name}, which servers.{label} was given."
                    )
                environment[name] = os.environ[name]
        servers[label] = {**server, "environment": environment}
    return {**document, "servers": servers}


def shown_command(command: Sequence[str]) -> list[str]:
    """A command line without what it calls a secret, as in `--set servers.a.environment.TOKEN=x`."""
    shown = []
    for word in command:
        name, equals, _ = word.partition("=")
        secret = equals and sounds_secret(name.strip("-").rpartition(".")[2])
        shown.append(f"{name}={HIDDEN}" if secret else redacted(word) if "?" in word else word)
    return shown


def shown_cell(record: CellRecord, hidden: Sequence[str]) -> CellRecord:
    """A cell's record without secrets; its reasons and warnings quote logs."""
    document = cleaned(record.model_dump(mode="json"), hidden)
    if document["server_run"] is not None:
        document["server_run"]["health"] = unnamed(document["server_run"]["health"])
    document["reason"] = None if document["reason"] is None else redacted(document["reason"], hidden)
    document["warnings"] = [redacted(text, hidden) for text in document["warnings"]]
    return CellRecord.model_validate(document)


def shown_run(run: ServerRun, hidden: Sequence[str]) -> ServerRun:
    """How a server ran, without secrets; what it says of itself may name some."""
    document = cleaned(run.model_dump(mode="json"), hidden)
    return ServerRun.model_validate({**document, "health": unnamed(document["health"])})


def copy_log(source: Path, target: Path, hidden: Sequence[str], most: int | None = None) -> None:
    """A log without secrets, line by line; `most` bytes of its end, all of it where None."""
    with source.open("rb") as lines, target.open("wb") as kept:
        size = os.fstat(lines.fileno()).st_size
        if most is not None and size > most:
            lines.seek(size - most - 1)
            lines.readline()  # a line that is cut could hide the name before a secret
        for line in lines:
            text = line.decode("utf-8", "surrogateescape")
            kept.write(redacted(text, hidden).encode("utf-8", "surrogateescape"))


def clean_log(path: Path, hidden: Sequence[str]) -> None:
    """Take secrets out of a log in its place."""
    if path.is_file():
        whole = path.with_name(f".{path.name}")
        copy_log(path, whole, hidden)
        whole.replace(path)
