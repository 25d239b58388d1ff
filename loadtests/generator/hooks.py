"""Where the instrument meets Locust: one function for each of Locust's events."""

import logging
import signal
import sys
from argparse import Namespace
from dataclasses import replace
from typing import Any

import gevent
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from loadtests.generator.clocks import Clocks, say
from loadtests.generator.distributed import (
    FAILED,
    FINAL,
    FINISH,
    MasterSession,
    WorkerLink,
    part_of,
    worker_folder,
)
from loadtests.generator.load_shape import UserStages, parse_stages
from loadtests.generator.locust_table import take_over
from loadtests.generator.options import add_options, read_options
from loadtests.generator.session import Session
from loadtests.generator.session_setup import assemble
from loadtests.model.asks import Unprepared
from loadtests.model.samples import CENSORED, KINDS
from loadtests.subjects.subject import Scenario

logger = logging.getLogger(__name__)


def install(events: Events) -> None:
    """Register with Locust; the locustfile calls it once."""
    events.init_command_line_parser.add_listener(lambda parser, **_: add_options(parser))
    events.init.add_listener(_on_init)


def _on_init(environment: Environment, **_: Any) -> None:
    take_over(environment)
    options = environment.parsed_options
    if options is not None and not options.user_classes and not getattr(options, "class_picker", False):
        # nobody was named: what needs a token, clients in the background or cold files has to be
        environment.user_classes = [
            user_class for user_class in environment.user_classes if _plain(user_class)
        ]
    runner = environment.runner
    life: _Life
    if isinstance(runner, MasterRunner):
        life = _MasterLife(environment, runner)
    elif isinstance(runner, WorkerRunner):
        life = _WorkerLife(environment, runner)
    else:
        life = _Life(environment)
    environment.events.test_start.add_listener(life.begin)
    environment.events.test_stopping.add_listener(life.end)
    environment.events.quitting.add_listener(life.end)
    if life.options.twins_stages and not isinstance(runner, WorkerRunner):
        try:
            environment.shape_class = UserStages(parse_stages(life.options.twins_stages))
            environment.shape_class.runner = runner
        except ValueError as mistake:
            raise SystemExit(str(mistake)) from None
    if life.headless:
        gevent.signal_handler(signal.SIGINT, life.interrupt)
        gevent.signal_handler(signal.SIGTERM, life.interrupt)


def _plain(user_class: type) -> bool:
    scenario: Scenario | None = getattr(user_class, "scenario", None)
    return scenario is None or scenario.plain


def _only_unfinished(environment: Environment) -> bool:
    """Whether all that Locust counts as failed was under way when the run ended, which fails no run."""
    runner = environment.runner
    if runner is None or runner.exceptions or not runner.errors:
        return False
    return all(str(error.error).startswith(KINDS[CENSORED]) for error in runner.errors.values())


class _Life:
    """The sessions of one Locust process, one after the other."""

    def __init__(self, environment: Environment) -> None:
        assert environment.parsed_options is not None  # noqa: S101 - Locust's main parses before it fires init
        self.environment = environment
        self.options: Namespace = environment.parsed_options
        self.headless = bool(self.options.headless)
        self.session: Session | MasterSession | None = None

    def begin(self, **_: Any) -> None:
        """Prepare and start; a mistake is told in a sentence and ends a headless run with status 1."""
        try:
            self.start()
        except (ValueError, Unprepared) as mistake:
            self.fail(str(mistake))
        except Exception:
            # Locust's events swallow what their listeners raise, and the run would go on without us
            logger.exception("The measurement could not begin.")
            self.fail("This is a fault of the instrument, not of its use.")

    def start(self) -> None:
        session = assemble(
            self.environment, read_options(self.options), self.options, (0, 1), None, self.leave
        )
        self.session = session
        session.start()

    def fail(self, sentence: str) -> None:
        if self.headless:
            # last of all, after the tables that Locust prints when it ends
            self.environment.events.quit.add_listener(
                lambda **_: print(sentence, file=sys.stderr, flush=True)
            )
        else:
            logger.error("%s", sentence)
        self.environment.process_exit_code = 1
        gevent.spawn(self.leave)

    def end(self, **_: Any) -> None:
        """Finish the session, if one runs, and keep what it measured."""
        session = self.session
        if session is None:
            return
        session.finish()
        if session.document is not None and session.options.out is not None:
            # the measurement was made: failed requests are its content, not its failure
            self.environment.process_exit_code = 0
        elif self.headless and _only_unfinished(self.environment):
            self.environment.process_exit_code = 0
        self.session = None

    def interrupt(self) -> None:
        self.end()
        self.leave()

    def leave(self) -> None:
        """Stop the test, and the process where no user interface needs it."""
        self.end()
        runner = self.environment.runner
        if self.options.csv_prefix:
            # Locust writes its CSV once a second and not again at its end
            gevent.sleep(CSV_STATS_INTERVAL_SEC + 0.2)
        if runner is not None and self.headless:
            runner.quit()
        elif runner is not None:
            runner.stop()


class _MasterLife(_Life):
    def __init__(self, environment: Environment, runner: MasterRunner) -> None:
        super().__init__(environment)
        self._runner = runner
        environment.events.worker_report.add_listener(self._on_report)
        self._clocks = Clocks(runner)
        runner.register_message(FINAL, self._on_final)
        runner.register_message(FAILED, self._on_failed)

    def start(self) -> None:
        session = MasterSession(self._runner, read_options(self.options), self._clocks, self.leave)
        self.session = session
        session.start(self.options)

    def _on_report(self, client_id: str, data: dict[str, Any]) -> None:
        if isinstance(self.session, MasterSession):
            self.session.on_report(client_id, data)

    def _on_final(self, environment: Environment, msg: Any) -> None:
        if isinstance(self.session, MasterSession):
            self.session.on_final(msg.node_id, msg.data)

    def _on_failed(self, environment: Environment, msg: Any) -> None:
        self.fail(msg.data)


class _WorkerLife(_Life):
    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        super().__init__(environment)
        self.headless = False  # it is the master that ends a Locust worker
        self._runner = runner
        self._link = WorkerLink(runner)
        say(runner)
        runner.register_message(FINISH, lambda environment, msg: gevent.spawn(self.end))

    def start(self) -> None:
        options = read_options(self.options)
        part, parts, zero_unix_ns = part_of(self.options, self._runner)
        if options.out is not None:
            options = replace(options, out=options.out / worker_folder(part))
        session = assemble(self.environment, options, self.options, (part, parts), zero_unix_ns, self.end)
        self.session = session
        self._link.begin(session)
        session.start()

    def fail(self, sentence: str) -> None:
        self._runner.send_message(FAILED, sentence)  # type: ignore[arg-type]  # any value travels

    def end(self, **_: Any) -> None:
        session = self.session
        if not isinstance(session, Session):
            return
        self.session = None
        session.finish()
        assert session.document is not None  # noqa: S101 - finish makes it
        self._link.end(session.document)
