"""Reads a plan: file, overrides, names, lists of processes and threads; every mistake in one sentence."""

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from loadtests.analysis.metrics import COMPARED
from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.plan_paths import place
from loadtests.lab.plan_server import PlanServer
from loadtests.lab.workloads import complete
from loadtests.subjects.own.scenarios import REQUESTS
from loadtests.subjects.registry import SCENARIOS, SERVERS, SUBJECT

LARGEST_BYTES = 1 << 20
MOST_CELLS = 100_000
UNIONS = (
    "int",
    "float",
    "str",
    "bool",
    "list[constrained-int]",
    "list[union[str,int,float,bool]]",
    "PlanFile",
)
LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def shipped_plans() -> dict[str, str]:
    """The plans that come with the program: name to the sentence on its first line."""
    return {path.stem: first_line(path) for path in sorted(SUBJECT.plans.glob("*.toml"))}


def first_line(path: Path) -> str:
    line = path.read_text(encoding="utf-8").partition("\n")[0]
    return line.removeprefix("#").strip() if line.startswith("#") else ""


def find_plan(name: str) -> Path:
    """The file of a plan given by path or by a shipped name; raises PlanError."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not path.is_file():
            raise PlanError(f"there is no plan file {name}.")
        return path
    shipped = SUBJECT.plans / f"{name}.toml"
    if not shipped.is_file():
        raise PlanError(f"there is no shipped plan '{name}'; {nearest(name, shipped_plans())}")
    return shipped


def read_plan(path: Path, overrides: Sequence[str] = (), *, as_shipped: bool = False) -> Plan:
    """The resolved plan of a file; `overrides` are `key.path=value`, later ones win. Raises PlanError.

    `as_shipped` leaves the table's servers to their projects' defaults, whatever sizes the plan gives them.
    """
    document = read_document(path)
    document.setdefault("description", first_line(path))
    place(document, path.parent)
    return overridden(document, overrides, path.name, as_shipped=as_shipped)


def overridden(
    document: dict[str, Any], overrides: Sequence[str], source: str, *, as_shipped: bool = False
) -> Plan:
    """The resolved plan of a document whose paths are placed, with what overrides it. Raises PlanError."""
    for override in overrides:
        _override(document, override)
    place(document, Path())  # what the command line says
    return resolved(_without_sizes(document) if as_shipped else document, source)


def read_document(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; raises PlanError."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_BYTES + 1)
        if len(text) > LARGEST_BYTES:
            raise PlanError(f"{path.name} is larger than {LARGEST_BYTES} bytes, and no plan is.")
        return tomllib.loads(text.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path.name} is not TOML: {error}.") from None
    except RecursionError:
        raise PlanError(f"{path.name} is nested too deeply to be read.") from None
    except UnicodeDecodeError as error:
        raise PlanError(f"{path.name} is not text in UTF-8: {error}.") from None
    except PlanError:
        raise
    except ValueError as error:  # such as a number of more digits than Python converts
        raise PlanError(f"{path.name} is not a plan: {error}.") from None
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error}.") from None


def environment_overrides() -> list[str]:
    """`TWINS_SET`, such as `blocks=3;load.users=1,8`: stronger than the plan, weaker than --set."""
    return [part for part in os.environ.get("TWINS_SET", "").split(";") if part.strip()]


def resolved(document: Mapping[str, Any], source: str) -> Plan:
    """The plan with every name checked, every default filled in and every list of servers spread out."""
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        raise PlanError(" ".join(_sentences(error, document, source))) from None
    servers: dict[str, PlanServer] = {}
    for label, server in _spread(plan.servers, source):
        if label in servers:
            raise PlanError(
                f"{source}: servers.{label}: two entries make a server of this name, one by a list of "
                "processes or threads; rename the other."
            )
        servers[label] = server
    if plan.matched == "as shipped":
        _check_as_shipped(servers, source)
    _check_labels(servers, "servers", source)
    _check_labels(plan.scenarios, "scenarios", source)
    scenarios = {}
    for label, scenario in plan.scenarios.items():
        scenario = complete(scenario, f"{source}: scenarios.{label}")
        kind = scenario.kind or (REQUESTS.name if scenario.requests else label)
        if scenario.requests and kind != REQUESTS.name:
            raise PlanError(
                f"{source}: scenarios.{label} has both a kind and requests of its own: leave out one of them."
            )
        if not scenario.requests and kind not in SCENARIOS:
            raise PlanError(
                f"{source}: scenarios.{label}: there is no scenario '{kind}'; {nearest(kind, SCENARIOS)}"
            )
        try:
            parameters = (REQUESTS if scenario.requests else SCENARIOS[kind]).resolve(scenario.parameters)
        except ValueError as error:
            raise PlanError(f"{source}: scenarios.{label}.parameters: {error}") from None
        load = scenario.load or plan.load
        if not (load.users or load.rates or load.level):
            raise PlanError(
                f"{source}: scenarios.{label} has no level: give load.users, load.rates or load.level."
            )
        for name in scenario.servers:
            if name not in servers:
                raise PlanError(
                    f"{source}: scenarios.{label}.servers: there is no server '{name}' in this plan; "
                    f"{nearest(name, servers)}"
                )
        scenarios[label] = scenario.model_copy(update={"kind": kind, "parameters": parameters, "load": load})
    for number, primary in enumerate(plan.compare):
        for key, name, known, problem in (
            ("server", primary.server, servers, "is not in this plan"),
            ("baseline", primary.baseline, servers, "is not in this plan"),
            ("scenario", primary.scenario, scenarios, "is not in this plan"),
            ("metric", primary.metric, COMPARED, "cannot be compared"),
        ):
            if name not in known:
                raise PlanError(
                    f"{source}: compare[{number}].{key} = '{name}' {problem}; {nearest(name, known)}"
                )
    resolved_plan = plan.model_copy(update={"servers": servers, "scenarios": scenarios})
    _check_levels(resolved_plan, source)
    return resolved_plan


def _without_sizes(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan's document to be run as shipped: no server of the table has processes or threads of its own."""
    servers = document.get("servers")
    if not isinstance(servers, Mapping):
        return dict(document)
    bare = {
        label: {key: value for key, value in server.items() if key not in ("processes", "threads")}
        if isinstance(server, Mapping) and "command" not in server
        else server
        for label, server in servers.items()
    }
    return {**document, "matched": "as shipped", "servers": bare}


def _check_as_shipped(servers: Mapping[str, PlanServer], source: str) -> None:
    for label, server in servers.items():
        for key, value in (("processes", server.processes), ("threads", server.threads)):
            if value is not None and server.server is not None:
                raise PlanError(
                    f"{source}: servers.{label}.{key} = {value}: as shipped, a server has its project's own "
                    'number; leave it out, or take matched = "capacity-matched".'
                )


def _check_labels(labels: Iterable[str], key: str, source: str) -> None:
    """Labels become names of folders."""
    for label in labels:
        if not LABEL.fullmatch(label):
            shown = json.dumps(label if len(label) < 80 else label[:77] + "...")
            raise PlanError(
                f"{source}: {key}.{shown}: a name has 1 to 64 letters, digits, '.', '_' and '-', "
                "and begins with a letter or digit."
            )


def _check_levels(plan: Plan, source: str) -> None:
    cells = 0
    for label, scenario in plan.scenarios.items():
        load = scenario.load or plan.load
        levels = load.users or load.rates or [None]
        names = Counter(None if level is None else f"{level:g}" for level in levels)
        (name, times), *_ = names.most_common(1)
        if times > 1:
            raise PlanError(f"{source}: scenarios.{label}: the level {name} is there {times} times.")
        cells += plan.blocks * len(levels) * len(scenario.servers or plan.servers)
    if cells > MOST_CELLS:
        raise PlanError(f"{source}: this plan asks for {cells} cells; the most are {MOST_CELLS}.")


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a sentence about an unknown name: the nearest valid one, else all of them."""
    close = get_close_matches(name, list(known), 1, 0.5)
    return f"did you mean '{close[0]}'?" if close else f"valid are {', '.join(sorted(known))}."


def _spread(servers: Mapping[str, PlanServer], source: str) -> Iterator[tuple[str, PlanServer]]:
    for label, server in servers.items():
        own = server.command is not None or server.url is not None
        name = None if own else server.server or label
        if name is not None and name not in SERVERS:
            raise PlanError(
                f"{source}: servers.{label}: there is no server '{name}'; {nearest(name, SERVERS)} "
                "One's own server is given by command or url."
            )
        for processes in _values(server.processes):
            for threads in _values(server.threads):
                suffix = f"-p{processes}" if isinstance(server.processes, list) else ""
                suffix += f"-t{threads}" if isinstance(server.threads, list) else ""
                update = {"server": name, "processes": processes, "threads": threads}
                yield label + suffix, server.model_copy(update=update)


def _values(value: int | list[int] | None) -> Sequence[int | None]:
    return value if isinstance(value, list) else [value]


def _override(document: dict[str, Any], text: str) -> None:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise PlanError(f"--set {text}: it is written key=value, such as load.users=1,8,64.")
    place = document
    *parents, last = key.strip().split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise PlanError(f"--set {text}: {parent} is a value and has no keys in it.")
    place[last] = _value(value.strip())


def _value(text: str) -> Any:
    for candidate in (text, f"[{text}]") if "," in text else (text,):
        try:
            return tomllib.loads(f"value = {candidate}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return text.split(",") if "," in text else text


def _sentences(error: ValidationError, document: Mapping[str, Any], source: str) -> Iterator[str]:
    for problem in error.errors():
        place = [part for part in problem["loc"] if part not in UNIONS]
        key = ".".join(str(part) for part in place)
        if problem["type"] == "extra_forbidden":
            yield f"{source}: {key} is not a key; {nearest(str(place[-1]), _keys(place[:-1]))}"
        elif problem["type"] == "missing":
            yield f"{source}: {key} is missing."
        else:
            given = problem["input"]
            shown = f" = {json.dumps(given, default=str)}" if not isinstance(given, Mapping) else ""
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{source}: {key}{shown}: {message[:1].lower()}{message[1:]}."


def _keys(place: Sequence[int | str]) -> list[str]:
    """The valid keys at a place of the document."""
    model: type[BaseModel] = Plan
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            models = _models(model.model_fields[part].annotation)
            model = models[0] if models else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
