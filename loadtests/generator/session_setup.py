"""From Locust's options and user classes to a session that is ready to start."""

import gc
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic_ns, time_ns
from typing import Any

from locust.env import Environment

from loadtests.background.control import BackgroundClients
from loadtests.generator.documents import make_folder
from loadtests.generator.gathering import feed_check, gathered
from loadtests.generator.locust_table import LocustTable
from loadtests.generator.options import scenario_values
from loadtests.generator.session import Session
from loadtests.generator.stock import StockClient
from loadtests.generator.users import WireUser
from loadtests.load.cold import ColdFile, cold_file
from loadtests.load.expected import prepare
from loadtests.load.live import LiveLines
from loadtests.load.measurement import Choice, Measurement, Mix, TurnSource
from loadtests.load.options import Options
from loadtests.load.recorder import Recorder
from loadtests.load.visitors import Visitors
from loadtests.model.asks import Ask, Unprepared
from loadtests.model.backgrounds import BACKGROUNDS
from loadtests.subjects.subject import Scenario
from loadtests.wire.client import Client, Policy, WireClient
from loadtests.wire.connection import Deadlines, Endpoint, resolve_endpoint
from loadtests.wire.message import Address, Request, build_request, parse_address
from loadtests.wire.tls import tls_context

Weighted = list[tuple[int, Choice]]


def assemble(
    environment: Environment,
    options: Options,
    namespace: Namespace,
    part: tuple[int, int],
    zero_unix_ns: int | None,
    then: Callable[[], None],
) -> Session:
    """Learn the right answers, fix the zero; `then` is called at the end. Raises ValueError, Unprepared."""
    classes = [chosen for chosen in environment.user_classes if issubclass(chosen, WireUser)]
    if not classes:
        raise ValueError("none of the users chosen belongs to a scenario.")
    scenarios = [chosen.scenario for chosen in classes]
    host = environment.host or classes[0].host
    if not host:
        raise ValueError("--host is missing: it looks like http://127.0.0.1:8000.")
    address = parse_address(host)
    endpoint, policy = _endpoint(address, options), _policy(options)
    parameters = _parameters(namespace, scenarios)
    cold: dict[str, ColdFile] = {}
    mixes: dict[str, Mix | TurnSource]
    mix: Mix | TurnSource
    visitors: Visitors | None = None
    if any(scenario.own for scenario in scenarios):
        if len(scenarios) > 1:
            raise ValueError("the users Requests ask by themselves: name no others beside them.")
        users = _users(environment, part)
        mix = visitors = gathered(options, address, part, users, lambda: _client_for_now(endpoint, policy))
        labels, prepared = visitors.labels, 0
        mixes = {scenarios[0].name: visitors}
    else:
        choices, labels, prepared = _choices(scenarios, parameters, address, endpoint, policy, options, cold)
        mixes = {name: _mix(weighted) for name, weighted in choices.items()}
        mix = _mix(
            [
                (round(1000 * chosen.weight) * weight, choice)
                for chosen in classes
                for weight, choice in choices[chosen.scenario.name]
            ]
        )
    make_folder(options.out)
    background, asked = _background(scenarios, parameters, address, endpoint, policy, options, part)
    # what exists now lives as long as the process: the collector looks at it before the zero, and not again
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    zero_ns = monotonic_ns()
    if zero_unix_ns is not None:
        zero_ns += zero_unix_ns - time_ns()
    recorder = _recorder(options, zero_ns)

    def new_client(deadlines: Deadlines, user: Any) -> Client:
        if options.client == "wire":
            return WireClient(endpoint, policy, deadlines)
        verify = str(options.authority) if options.authority else not options.insecure
        return StockClient(options.client, environment, endpoint, policy, user, verify)

    measurement = Measurement(
        options, recorder, mixes, parameters, part, new_client, environment.events.request.fire
    )
    if options.client == "wire":
        recorder.listeners.append(LocustTable(environment, measurement.zero_unix_s, labels).take)
    return Session(
        measurement,
        LiveLines(options.out),
        scenario="+".join(parameters),
        parameters=parameters[scenarios[0].name] if len(scenarios) == 1 else dict(parameters),
        names=[name for name, _ in labels],
        prepared=lambda: prepared + asked + (visitors.sent if visitors else 0),
        part=part,
        mix=mix,
        conditions=[
            *(file.check for file in cold.values()),
            *(clients.check for clients in background),
            *([partial(feed_check, measurement)] if visitors and visitors.feed_ends else []),
        ],
        background=background,
        user_count=lambda: environment.runner.user_count if environment.runner else 0,
        then=then,
    )


@contextmanager
def _client_for_now(endpoint: Endpoint, policy: Policy) -> Iterator[Client]:
    """A client for requests that are not measured."""
    deadlines = Deadlines()
    client = WireClient(endpoint, policy, deadlines)
    try:
        yield client
    finally:
        client.close()
        deadlines.stop()


def _users(environment: Environment, part: tuple[int, int]) -> int:
    """How many of the users that were asked for are this process's."""
    options = environment.parsed_options
    return len(range(part[0], int((options and options.num_users) or 0), part[1]))


def _mix(weighted: Weighted) -> Mix:
    return Mix([choice for _, choice in weighted], [weight for weight, _ in weighted])


def _endpoint(address: Address, options: Options) -> Endpoint:
    tls = tls_context(options.authority, options.insecure) if address.tls else None
    timeout_ns = round(options.connect_timeout_s * 1e9)
    try:
        return resolve_endpoint(address, tls, timeout_ns, options.read_rate, options.send_rate)
    except OSError as error:
        raise Unprepared(f"the host {address.host} is unknown: {error.strerror or error}.") from None


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


def _parameters(namespace: Namespace, scenarios: list[Scenario]) -> dict[str, dict[str, Any]]:
    """By scenario. One that no chosen scenario has is a mistake, as it would change nothing."""
    given = scenario_values(namespace)
    known = {parameter.name for scenario in scenarios for parameter in scenario.parameters}
    if unknown := sorted(set(given) - known):
        scenarios[0].resolve({unknown[0]: given[unknown[0]]})
    return {
        scenario.name: scenario.resolve(
            {p.name: given[p.name] for p in scenario.parameters if p.name in given}
        )
        for scenario in scenarios
    }


def _choices(
    scenarios: list[Scenario],
    parameters: dict[str, dict[str, Any]],
    address: Address,
    endpoint: Endpoint,
    policy: Policy,
    options: Options,
    cold: dict[str, ColdFile],
) -> tuple[dict[str, Weighted], list[tuple[str, str]], int]:
    deadlines = Deadlines()
    prepared = 0
    ready: dict[Ask, Request] = {}
    labels: list[tuple[str, str]] = []
    choices: dict[str, Weighted] = {}
    try:
        for scenario in scenarios:
            choices[scenario.name] = []
            for ask in scenario.asks(parameters[scenario.name]):
                following = None
                for link in reversed(list(ask.chain())):
                    if link not in ready:
                        ready[link], sent = prepare(
                            link,
                            address,
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
                choices[scenario.name].append((ask.weight, following))
    finally:
        deadlines.stop()
    return choices, labels, prepared


def _background(
    scenarios: list[Scenario],
    parameters: dict[str, dict[str, Any]],
    address: Address,
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
        for scenario in scenarios:
            background, values = scenario.background, parameters[scenario.name]
            if background is None:
                continue
            number, parts = part
            count = len(range(number, int(values[background.count]), parts))
            if not count:
                continue
            kind, traffic = BACKGROUNDS[background.kind], background.traffic(values)
            ask = traffic.ask
            if kind.endless:
                request = build_request(address, ask.method, ask.path, headers=ask.headers)
            else:
                request, sent = prepare(
                    ask, address, options.files, False, lambda: WireClient(endpoint, policy, deadlines)
                )
                prepared += sent
            started.append(BackgroundClients(kind, count, traffic, request, endpoint))
    except BaseException:
        for clients in started:
            clients.end()
        raise
    finally:
        deadlines.stop()
    return started, prepared
