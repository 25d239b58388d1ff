"""The Locust user of every scenario: one task that drives the closed loop, or stands by for the open one."""

from typing import Any, ClassVar

from locust import User, task
from locust.exception import StopUser

from loadtests.background.control import Aside
from loadtests.load.asks import Ask
from loadtests.load.loops import closed_loop
from loadtests.load.measurement import current


class WireUser(User):
    """A scenario's users; a subclass names its scenario and says what it asks."""

    abstract = True
    scenario: ClassVar[str]

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        """The requests the users choose from, for the scenario's parameters with their defaults filled in."""
        raise NotImplementedError

    @classmethod
    def aside(cls, parameters: dict[str, Any]) -> Aside:
        """What the scenario's clients in the background do, where it has some."""
        raise NotImplementedError

    @task
    def drive(self) -> None:
        """All of this user's requests: Locust's own loop around tasks would cost as much as a request."""
        measurement = current()
        if measurement is None:
            raise StopUser
        if not measurement.options.open_loop:
            parameters = measurement.parameters[type(self)]
            closed_loop(
                measurement, self, measurement.mixes[type(self)], float(parameters["think_ms"]) / 1000
            )
        measurement.ended.wait()
        raise StopUser
