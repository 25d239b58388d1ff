"""From Locust's options and user classes to a session that is ready to start."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from time import monotonic_ns, time_ns
from typing import Any

from locust.env import Environment

from loadtests.background.control import BackgroundClients
from loadtests.generator.documents import make_folder
from loadtests.generator.locust_table import Table
from loadtests.generator.options import Options, scenario_values
from loadtests.generator.session import Session
from loadtests.generator.users import WireUser
from loadtests.load.asks import Ask
from loadtests.load.cold import ColdFile, cold_file
from loadtests.load.expected import Unprepared, prepare
from loadtests.load.live import LiveLines
from loadtests.load.measurement import Choice, Measurement, Mix
from loadtests.load.recorder import Recorder
from loadtests.subjects.twins.scenarios.descriptions import SCENARIOS, resolve
from loadtests.wire.client import Policy, WireClient
from loadtests.wire.connection import Deadlines, Endpoint, resolve_endpoint
from loadtests.wire.message import Request, Target, build_request, parse_target


def assemble(
    environment: Environment,
    options: Options,
    namespace: Namespace,
    part: tuple[int, int],
    zero_unix_ns: int | None,
    then: Callable[[], None],
) -> Session:
    """Learn the right answers, fix the zero; `then` is called at the end. Raises ValueError, Unprepared."""
    classes = [one for one in environment.user_classes if issubclass(one, WireUser)]
    if not classes:
        raise ValueError("none of the users chosen belongs to a scenario.")
    host = environment.host or classes[0].host
    if not host:
        raise ValueError("--host is missing: it looks like http://127.0.0.1:8000.")
    target = parse_target(host)
    endpoint, policy = _endpoint(target, options), _policy(options)
    parameters = _parameters(namespace, classes)
    cold: dict[str, ColdFile] = {}
    choices, labels, prepared = _choices(classes, parameters, target, endpoint, policy, options, cold)
    make_folder(options.out)
    background, asked = _background(classes, parameters, target, endpoint, policy, options, part)
    zero_ns = monotonic_ns()
    if zero_unix_ns is not None:
        zero_ns += zero_unix_ns - time_ns()
    recorder = _recorder(options, zero_ns)
    mixes = {one: Mix([c for _, c in choices[one]], [w for w, _ in choices[one]]) for one in classes}
    conditions = [file.check for file in cold.values()] + [clients.check for clients in background]
    measurement = Measurement(
        environment, options, endpoint, policy, recorder, mixes, parameters, part, conditions, background
    )
    weighted = [(round(1000 * one.weight) * w, c) for one in classes for w, c in choices[one]]
    if options.client == "wire":
        recorder.listeners.append(Table(environment, measurement.zero_unix_s, labels).take)
    return Session(
        measurement,
        LiveLines(options.out),
        scenario="+".join(one.scenario for one in classes),
        parameters=parameters[classes[0]]
        if len(classes) == 1
        else {one.scenario: parameters[one] for one in classes},
        names=[name for name, _ in labels],
        prepared=prepared + asked,
        part=part,
        mix=Mix([c for _, c in weighted], [w for w, _ in weighted]),
        then=then,
    )


def _endpoint(target: Target, options: Options) -> Endpoint:
    tls = None
    if target.tls:
        from loadtests.wire.tls import tls_context

        tls = tls_context(options.authority, options.insecure)
    timeout_ns = round(options.connect_timeout_s * 1e9)
    try:
        return resolve_endpoint(target, tls, timeout_ns, options.read_rate, options.send_rate)
    except OSError as error:
        raise Unprepared(f"the host {target.host} is unknown: {error.strerror or error}.") from None


def _policy(options: Options) -> Policy:
    return Policy(
        options.requests_per_connection,
        round(options.first_byte_timeout_s * 1e9),
        round(options.total_timeout_s * 1e9),
    )


def _recorder(options: Options, zero_ns: int) -> Recorder:
    warmup_us = round(options.warmup_s * 1e6) if options.warmup_max_s is None else None
    duration_us = None if options.duration_s is None else round(options.duration_s * 1e6)
    return Recorder(options.out, zero_ns, warmup_us, duration_us)


def _parameters(namespace: Namespace, classes: list[type[WireUser]]) -> dict[type[WireUser], dict[str, Any]]:
    """Each class's parameters; one that no chosen scenario has is a mistake, as it would change nothing."""
    given = scenario_values(namespace)
    known = {parameter.name for one in classes for parameter in SCENARIOS[one.scenario].parameters}
    if unknown := sorted(set(given) - known):
        resolve(SCENARIOS[classes[0].scenario], {unknown[0]: given[unknown[0]]})
    return {
        one: resolve(
            SCENARIOS[one.scenario],
            {p.name: given[p.name] for p in SCENARIOS[one.scenario].parameters if p.name in given},
        )
        for one in classes
    }


def _choices(
    classes: list[type[WireUser]],
    parameters: dict[type[WireUser], dict[str, Any]],
    target: Target,
    endpoint: Endpoint,
    policy: Policy,
    options: Options,
    cold: dict[str, ColdFile],
) -> tuple[dict[type[WireUser], list[tuple[int, Choice]]], list[tuple[str, str]], int]:
    deadlines = Deadlines()
    prepared = 0
    ready: dict[Ask, Request] = {}
    labels: list[tuple[str, str]] = []
    choices: dict[type[WireUser], list[tuple[int, Choice]]] = {}
    try:
        for one in classes:
            choices[one] = []
            for ask in one.asks(parameters[one]):
                following = None
                for link in reversed(list(ask.chain())):
                    if link not in ready:
                        ready[link], sent = prepare(
                            link,
                            target,
                            options.files,
                            options.connections == "close",
                            lambda: WireClient(endpoint, policy, deadlines),
                        )
                        prepared += sent
                        if link.cold and link.stored is not None:
                            file = cold.setdefault(link.stored, cold_file(options.files, link.stored))
                            ready[link] = replace(ready[link], afterwards=file.drop)
                    label = (link.name, link.method)
                    if label not in labels:
                        labels.append(label)
                    following = Choice(ready[link], labels.index(label), following)
                assert following is not None  # noqa: S101 - a chain has a link
                choices[one].append((ask.weight, following))
    finally:
        deadlines.stop()
    return choices, labels, prepared


def _background(
    classes: list[type[WireUser]],
    parameters: dict[type[WireUser], dict[str, Any]],
    target: Target,
    endpoint: Endpoint,
    policy: Policy,
    options: Options,
    part: tuple[int, int],
) -> tuple[list[BackgroundClients], int]:
    """The clients beside the users, at work; and how many requests it took to learn their answers."""
    started: list[BackgroundClients] = []
    prepared = 0
    deadlines = Deadlines()
    try:
        for one in classes:
            background = SCENARIOS[one.scenario].background
            if background is None:
                continue
            number, parts = part
            count = len(range(number, int(parameters[one][background.count]), parts))
            if not count:
                continue
            aside = one.aside(parameters[one])
            if background.kind == "streams":
                ask = aside.ask
                request = build_request(target, ask.method, ask.path, headers=ask.headers)
            else:
                request, sent = prepare(
                    aside.ask, target, options.files, False, lambda: WireClient(endpoint, policy, deadlines)
                )
                prepared += sent
            started.append(BackgroundClients(background, count, aside, request, endpoint))
    except BaseException:
        for clients in started:
            clients.end()
        raise
    finally:
        deadlines.stop()
    return started, prepared
