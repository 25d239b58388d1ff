"""The scenarios with clients in the background, as Locust users: what is measured is the users' requests."""

import json
from typing import Any, ClassVar

from loadtests.background.control import Aside
from loadtests.generator.users import WireUser
from loadtests.load.asks import JSON, Ask, download, process

KIB = 1024
EVENTS = 100_000
HEALTH = Ask(1, "GET", "/health", "/health", check="contains", contains=b'"status":"ok"')


class _Beside(WireUser):
    abstract = True
    scenario: ClassVar[str]

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [download(parameters["path"])]


class BesideReaders(_Beside):
    scenario = "beside-readers"

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        return Aside(
            download(parameters["read_path"]), read_bytes_per_s=max(1, parameters["read_kib_s"] * KIB)
        )


class BesideSenders(_Beside):
    scenario = "beside-senders"

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        work = {"operation": "words", "text": "twins " * (parameters["send_kib"] * KIB // 6)}
        ask = Ask(1, "POST", "/process", "/process words", JSON, json.dumps(work).encode())
        return Aside(ask, send_bytes_per_s=max(1, parameters["send_bytes_s"]))


class BesideIdle(_Beside):
    scenario = "beside-idle"

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        return Aside(download(parameters["path"]))


class BesideCpu(WireUser):
    scenario = "beside-cpu"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [HEALTH]

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        work = {name: parameters[name] for name in ("operation", "path", "where")}
        return Aside(process(1, **work))


class BesideWaits(WireUser):
    scenario = "beside-waits"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        return [HEALTH]

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        return Aside(process(1, operation="wait", duration_ms=parameters["wait_ms"]))


class BesideStreams(_Beside):
    scenario = "beside-streams"

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        interval = parameters["event_ms"]
        path = f"/stream?format=events&count={EVENTS}&interval_ms={interval}"
        return Aside(Ask(1, "GET", path, "/stream"))
