"""The scenarios as Locust users: what each of them asks of the server."""

from typing import Any

from loadtests.generator.users import WireUser
from loadtests.load.asks import Ask, download, process
from loadtests.subjects.twins.scenarios.descriptions import CPU_OF_MIXED, LARGE_OF_MIXED


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
        return [download(parameters["path"])]


class DownloadLarge(WireUser):
    scenario = "download-large"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [download(parameters["path"])]


class ProcessWait(WireUser):
    scenario = "process-wait"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [process(1, operation="wait", duration_ms=parameters["wait_ms"])]


class ProcessCpu(WireUser):
    scenario = "process-cpu"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [
            process(1, operation=parameters["operation"], path=parameters["path"], where=parameters["where"])
        ]


class JobsWrite(WireUser):
    scenario = "jobs-write"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [process(1, operation="wait", duration_ms=0)]


class JobsRead(WireUser):
    scenario = "jobs-read"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [Ask(1, "GET", f"/jobs?limit={parameters['limit']}", "/jobs")]


class Mixed(WireUser):
    scenario = "mixed"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        work = {"operation": parameters["operation"], "path": CPU_OF_MIXED, "where": parameters["where"]}
        return [
            download(parameters["path"], 70),
            download(LARGE_OF_MIXED, 5),
            process(20, operation="wait", duration_ms=parameters["wait_ms"]),
            process(5, **work),
        ]


class Get(WireUser):
    scenario = "get"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        path = "/" + str(parameters["path"]).lstrip("/")
        statuses = (parameters["status"],) if parameters["status"] else ()
        return [Ask(1, "GET", path, path, check=parameters["check"], statuses=statuses)]
