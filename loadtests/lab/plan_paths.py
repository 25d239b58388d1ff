"""The paths that a plan names: they stand relative to its file, and must lead somewhere."""

import os
import shutil
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from loadtests.lab.plan import PlanError

INTERPRETERS = ("bin/python", "bin/python3", "Scripts/python.exe")


def place(document: Mapping[str, Any], folder: Path) -> None:
    """Make the paths of a plan's document absolute, which stand relative to `folder`; `~` is the user's home.

    Raises PlanError where there is nothing at one of them; an optional server may lack its interpreter.
    """
    for key, load in _tables({"load": document.get("load")}):
        _place_file(load, "schedule", key, folder)
    for label, scenario in _tables(document.get("scenarios")):
        for _, load in _tables({"load": scenario.get("load")}):
            _place_file(load, "schedule", f"scenarios.{label}.load", folder)
        _place_workload(scenario, f"scenarios.{label}", folder)
    for label, server in _tables(document.get("servers")):
        _place_file(server, "ca", f"servers.{label}", folder)
        _check_authority(server.get("ca"), f"servers.{label}")
        _place_directory(server, f"servers.{label}", folder)
        if isinstance(server.get("python"), str):
            server["python"] = _interpreter(
                server["python"], f"servers.{label}", folder, server.get("optional")
            )


def absolute(path: str, folder: Path) -> str:
    """Links are left as they are: the interpreter of a virtual environment is one."""
    return os.path.abspath(folder / os.path.expanduser(path))


def _place_file(table: dict[str, Any], key: str, place: str, folder: Path) -> None:
    if isinstance(table.get(key), str):
        path = absolute(table[key], folder)
        if not os.path.isfile(path):
            raise PlanError(f"{place}.{key} = '{table[key]}': there is no file {path}.")
        table[key] = path


def _place_workload(scenario: dict[str, Any], place: str, folder: Path) -> None:
    """The files of a scenario's own requests."""
    for key in ("feed", "accounts"):
        if isinstance(scenario.get(key), str):
            scenario[key] = {"file": scenario[key]}
        for _, feed in _tables({key: scenario.get(key)}):
            _place_file(feed, "file", f"{place}.{key}", folder)
    for key in ("requests", "login"):
        value = scenario.get(key)
        for number, request in _tables(dict(enumerate(value if isinstance(value, list) else [value]))):
            _place_file(request, "body_file", f"{place}.{key}.{number}", folder)
            for name, part in _tables(request.get("multipart")):
                _place_file(part, "file", f"{place}.{key}.{number}.multipart.{name}", folder)


def _check_authority(path: object, place: str) -> None:
    if isinstance(path, str):
        try:
            ssl.create_default_context(cafile=path)
        except (ssl.SSLError, OSError):
            raise PlanError(f"{place}.ca = '{path}' holds no certificate in PEM.") from None


def _place_directory(server: dict[str, Any], place: str, folder: Path) -> None:
    if isinstance(server.get("directory"), str):
        path = absolute(server["directory"], folder)
        if not os.path.isdir(path):
            raise PlanError(f"{place}.directory = '{server['directory']}': there is no folder {path}.")
        server["directory"] = path


def _interpreter(value: str, place: str, folder: Path, optional: object) -> str:
    path = absolute(value, folder)
    inside = (os.path.join(path, name) for name in INTERPRETERS)
    for candidate in inside if os.path.isdir(path) else (path,):
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    named = shutil.which(value) if os.sep not in value and not os.path.exists(path) else None
    if named is None and not optional:
        what = "no interpreter, and no virtual environment" if os.path.exists(path) else "nothing"
        raise PlanError(
            f"{place}.python = '{value}': there is {what} at {path}; it is an interpreter, such as "
            "/usr/bin/python3.12, or the folder of a virtual environment."
        )
    return os.path.abspath(named) if named else path


def _tables(value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    pairs = value.items() if isinstance(value, dict) else ()
    return ((str(name), table) for name, table in pairs if isinstance(table, dict))
