"""Where the instrument meets Locust: one function for each of Locust's events."""

import logging
import signal
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import WorkerRunner

from loadtests.instrument.assembly import assemble
from loadtests.instrument.options import add_options, read_options
from loadtests.instrument.preparation import Unprepared
from loadtests.instrument.session import Session
from loadtests.instrument.stages import UserStages
from loadtests.instrument.table import take_over

logger = logging.getLogger(__name__)


def install(events: Events) -> None:
    """Register with Locust; the locustfile calls it once."""
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))
    events.init.add_listener(_on_init)


def _on_init(environment: Environment, **_: Any) -> None:
    take_over(environment)
    life = _Life(environment)
    environment.events.test_start.add_listener(life.begin)
    environment.events.test_stopping.add_listener(life.end)
    environment.events.quitting.add_listener(life.end)
    options = environment.parsed_options
    if getattr(options, "twins_stages", ""):
        environment.shape_class = UserStages(options.twins_stages)
        environment.shape_class.runner = environment.runner
    if getattr(options, "headless", False) and not isinstance(environment.runner, WorkerRunner):
        gevent.signal_handler(signal.SIGINT, life.interrupt)
        gevent.signal_handler(signal.SIGTERM, life.interrupt)


class _Life:
    """The sessions of one Locust environment, one after the other."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._session: Session | None = None

    def begin(self, **_: Any) -> None:
        """Prepare and start; a mistake ends a headless run with its sentence and status 1, and stops any other."""
        try:
            read_options(self._environment.parsed_options)
            self._session = assemble(self._environment, (0, 1), None, self._leave)
            self._session.start()
        except (ValueError, Unprepared) as mistake:
            logger.error("%s", mistake)
            self._environment.process_exit_code = 1
            gevent.spawn(self._leave)

    def end(self, **_: Any) -> None:
        if self._session is not None:
            self._session.finish()
            if self._session.document is not None and self._session.measurement.options.out is not None:
                # the measurement was made: failed requests are its content, not its failure
                self._environment.process_exit_code = 0
            self._session = None

    def interrupt(self) -> None:
        self.end()
        self._leave()

    def _leave(self) -> None:
        runner = self._environment.runner
        if runner is None:
            return
        self.end()
        if self._environment.parsed_options and self._environment.parsed_options.headless:
            runner.quit()
        else:
            runner.stop()
