"""The Locust users of the scenarios: one task that drives the closed loop, or stands by for the open one."""

from functools import partial
from typing import ClassVar

from locust import User, task
from locust.exception import StopUser

from loadtests.generator.locust_internals import is_stopping
from loadtests.load.loops import closed_loop
from loadtests.load.measurement import current
from loadtests.subjects.subject import Scenario


class WireUser(User):
    """A scenario's users."""

    abstract = True
    scenario: ClassVar[Scenario]

    @task
    def drive(self) -> None:
        """All of this user's requests: Locust's own loop around tasks would cost as much as a request."""
        measurement = current()
        if measurement is None:
            raise StopUser
        if not measurement.options.open_loop:
            name = self.scenario.name
            think_s = float(measurement.parameters[name]["think_ms"]) / 1000
            closed_loop(measurement, self, measurement.mixes[name], think_s, partial(is_stopping, self))
        measurement.ended.wait()
        raise StopUser


def user_class(scenario: Scenario) -> type[WireUser]:
    """The user class of a scenario, as Locust finds it by its name in a locustfile."""
    facts = {"abstract": False, "scenario": scenario, "__doc__": scenario.question}
    return type(scenario.user_class, (WireUser,), facts)
