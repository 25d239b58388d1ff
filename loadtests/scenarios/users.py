"""The scenarios as Locust users: what each of them asks of the server."""

import json
from typing import Any

from loadtests.instrument.message import file_path
from loadtests.instrument.preparation import Ask
from loadtests.instrument.users import WireUser

JSON = (("Content-Type", "application/json"),)
LARGE_OF_MIXED = "random/1MiB.bin"
CPU_OF_MIXED = "text/64KiB.txt"


def _download(path: str, weight: int = 1) -> Ask:
    address = file_path(path)
    return Ask(weight, "GET", address, address, check="body", stored=path)


def _process(weight: int, **work: object) -> Ask:
    name = "/process " + " ".join(str(value) for value in work.values())
    return Ask(weight, "POST", "/process", name, JSON, json.dumps(work).encode())


class Health(WireUser):
    """GET /health; every server process names its own pid, so only what all have in common is checked."""

    scenario = "health"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [Ask(1, "GET", "/health", "/health", check="contains", contains=b'"status":"ok"')]


class DownloadSmall(WireUser):
    scenario = "download-small"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [_download(parameters["path"])]


class DownloadLarge(WireUser):
    scenario = "download-large"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [_download(parameters["path"])]


class ProcessWait(WireUser):
    scenario = "process-wait"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [_process(1, operation="wait", duration_ms=parameters["wait_ms"])]


class ProcessCpu(WireUser):
    scenario = "process-cpu"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [
            _process(1, operation=parameters["operation"], path=parameters["path"], where=parameters["where"])
        ]


class Mixed(WireUser):
    scenario = "mixed"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        work = {"operation": parameters["operation"], "path": CPU_OF_MIXED, "where": parameters["where"]}
        return [
            _download(parameters["path"], 70),
            _download(LARGE_OF_MIXED, 5),
            _process(20, operation="wait", duration_ms=parameters["wait_ms"]),
            _process(5, **work),
        ]


class Get(WireUser):
    scenario = "get"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        path = "/" + str(parameters["path"]).lstrip("/")
        return [Ask(1, "GET", path, path, check=parameters["check"])]
