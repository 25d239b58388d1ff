"""From Locust's options and user classes to a session that is ready to start."""

from argparse import Namespace
from collections.abc import Callable
from time import monotonic_ns, time_ns
from typing import Any

from locust.env import Environment

from loadtests.instrument.client import Policy, WireClient
from loadtests.instrument.connection import Deadlines, Endpoint, resolve_endpoint
from loadtests.instrument.documents import make_folder
from loadtests.instrument.live import LiveLines
from loadtests.instrument.measurement import Choice, Measurement, Mix
from loadtests.instrument.message import Target, parse_target
from loadtests.instrument.options import Options, scenario_values
from loadtests.instrument.preparation import Ask, Unprepared, prepare
from loadtests.instrument.recorder import Recorder
from loadtests.instrument.session import Session
from loadtests.instrument.table import Table
from loadtests.instrument.users import WireUser
from loadtests.scenarios.descriptions import SCENARIOS, resolve


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
    choices, labels, prepared = _choices(classes, parameters, target, endpoint, policy, options)
    make_folder(options.out)
    zero_ns = monotonic_ns()
    if zero_unix_ns is not None:
        zero_ns += zero_unix_ns - time_ns()
    recorder = _recorder(options, zero_ns)
    mixes = {one: Mix([c for _, c in choices[one]], [w for w, _ in choices[one]]) for one in classes}
    measurement = Measurement(environment, options, endpoint, policy, recorder, mixes, parameters, part)
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
        prepared=prepared,
        part=part,
        mix=Mix([c for _, c in weighted], [w for w, _ in weighted]),
        then=then,
    )


def _endpoint(target: Target, options: Options) -> Endpoint:
    tls = None
    if target.tls:
        from loadtests.instrument.tls import tls_context

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
    warmup_us = round(options.warmup_s * 1e6)
    measure_us = None if options.duration_s is None else warmup_us + round(options.duration_s * 1e6)
    return Recorder(options.out, zero_ns, warmup_us, measure_us)


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
) -> tuple[dict[type[WireUser], list[tuple[int, Choice]]], list[tuple[str, str]], int]:
    deadlines = Deadlines()
    prepared = 0
    ready: dict[Ask, Any] = {}
    labels: list[tuple[str, str]] = []
    choices: dict[type[WireUser], list[tuple[int, Choice]]] = {}
    try:
        for one in classes:
            choices[one] = []
            for ask in one.asks(parameters[one]):
                if ask not in ready:
                    ready[ask], sent = prepare(
                        ask,
                        target,
                        options.files,
                        options.connections == "close",
                        lambda: WireClient(endpoint, policy, deadlines),
                    )
                    prepared += sent
                label = (ask.name, ask.method)
                if label not in labels:
                    labels.append(label)
                choices[one].append((ask.weight, Choice(ready[ask], labels.index(label))))
    finally:
        deadlines.stop()
    return choices, labels, prepared
