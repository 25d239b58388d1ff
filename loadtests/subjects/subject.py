"""The words a subject is described in: scenarios, servers, and what must be there for them (pure)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

from loadtests.model.asks import Ask
from loadtests.model.backgrounds import Traffic

Values = Mapping[str, Any]
"""A scenario's parameters by name, defaults filled in."""


@dataclass(frozen=True)
class Parameter:
    """One value a scenario can be given; its Locust option is `--twins-` and the name with dashes."""

    name: str
    default: str | int | float
    unit: str
    help: str
    choices: tuple[str, ...] = ()
    stored: bool = False  # its value is the path of a file in the served folder

    @property
    def option(self) -> str:
        return "--twins-" + self.name.replace("_", "-")

    def value(self, given: object) -> str | int | float:
        """The value in the type of the default; raises ValueError with one plain sentence."""
        if isinstance(self.default, str):
            text = str(given)
            if self.choices and text not in self.choices:
                near = get_close_matches(text, self.choices, 1, 0)
                raise ValueError(f"{self.name} cannot be '{text}': the nearest valid value is '{near[0]}'.")
            return text
        try:
            number = float(str(given))
        except ValueError:
            raise ValueError(
                f"{self.name} cannot be '{given}': it is a number in {self.unit}, such as {self.default}."
            ) from None
        if not 0 <= number < float("inf"):
            raise ValueError(f"{self.name} cannot be {given}: the nearest valid value is 0.")
        if isinstance(self.default, int):
            if number != int(number):
                raise ValueError(
                    f"{self.name} cannot be {given}: the nearest valid value is {round(number)}."
                )
            return int(number)
        return number


MOST_ASKS_TOLD = 4
THINK_MS = Parameter(
    "think_ms", 0.0, "ms", "think time of a closed-loop user between an answer and the next request"
)


@dataclass(frozen=True)
class Background:
    """Clients beside the users, in a process of their own; their requests count into no figure.

    `kind` names one of `BACKGROUNDS`; `count` the parameter that says how many.
    """

    kind: str
    count: str
    traffic: Callable[[Values], Traffic]


@dataclass(frozen=True)
class Companion:
    """A program of ours that runs beside the servers for as long as a run lasts.

    `python -m module --host H --port P` starts it; `hits` is the path that tells how many requests it
    received, as `{"hits": 3}`.
    """

    name: str
    module: str
    hits: str


@dataclass(frozen=True)
class Response:
    """An answer as it was read before any load; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Send(Protocol):
    """Sends one request to the server that is verified; OSError, http.client.HTTPException where it fails."""

    def __call__(
        self, path: str, *, method: str = "GET", body: Any = None, headers: Mapping[str, str] = {}
    ) -> Response: ...


@dataclass(frozen=True)
class Verification:
    """What a scenario's answers are held against before any load.

    `files` is the folder the server serves, None for a server of unknown content; `full` says that the
    server is held to everything its subject promises.
    """

    send: Send
    values: Values
    files: Path | None
    full: bool


@dataclass(frozen=True)
class Scenario:
    """A workload: the question it answers about a server, the mechanism it presses on, and what it asks.

    One that `writes` needs a token, and a served folder that may be changed. `files` are the paths it
    reads beside those that its parameters name. Where none `records`, servers process without recording.
    A `cold` one wants servers that keep no file in memory. With a `companion`, the server under test waits
    for it: each request makes so many `calls` to it, whose address is the parameter of its name.
    `words` tells what is asked where the requests themselves do not.
    `wait` names the parameter that plants a wait into each answer, in milliseconds; `waits_for` says what
    else the server waits for beside its own work, such as a database. What an `own`
    one asks stands in a plan.
    """

    name: str
    question: str
    mechanism: str
    parameters: tuple[Parameter, ...]
    asks: Callable[[Values], Sequence[Ask]]
    verify: Callable[[Verification], list[str]] | None = None
    writes: bool = False
    records: bool = False
    files: tuple[str, ...] = ()
    background: Background | None = None
    companion: Companion | None = None
    calls: Callable[[Values], int] = lambda values: 0
    cold: bool = False
    wait: str | None = None
    waits_for: str | None = None
    own: bool = False
    words: Callable[[Values], str] | None = None

    def asked(self, values: Values) -> str:
        """What is asked of the server, in a few words, for its resolved parameters."""
        if self.words is not None:
            return self.words(values)
        asks = self.asks(values)
        total = sum(ask.weight for ask in asks)
        if len(asks) == 1:
            return asks[0].words()
        told = [f"{100 * ask.weight / total:.0f} % {ask.words()}" for ask in asks[:MOST_ASKS_TOLD]]
        left = len(asks) - len(told)
        return ", ".join(told) + (f" and {left} more" if left else "")

    @property
    def user_class(self) -> str:
        """The name of its Locust user class: `DownloadSmall` of `download-small`."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def plain(self) -> bool:
        """Whether it can be asked of a server with nothing else at hand: no token, no clients beside."""
        return not (self.writes or self.cold or self.background or self.own)

    def stored(self, values: Values) -> tuple[str, ...]:
        """The paths in the served folder that the scenario reads, for its resolved parameters."""
        named = (str(values[parameter.name]) for parameter in self.parameters if parameter.stored)
        return (*self.files, *named)

    def resolve(self, given: Mapping[str, object]) -> dict[str, str | int | float]:
        """All its parameters, defaults filled in; raises ValueError with one plain sentence."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in given.items():
            if name not in known:
                near = get_close_matches(name, known, 1, 0)
                raise ValueError(
                    f"the scenario {self.name} has no parameter '{name}' (given as '{value}'): "
                    f"the nearest is '{near[0]}'."
                )
        return {name: known[name].value(given.get(name, known[name].default)) for name in known}

    def arguments(self, given: Mapping[str, object]) -> list[str]:
        """Locust's options for the parameters given, such as `["--twins-path", "random/1KiB.bin"]`."""
        values = self.resolve(given)
        options = {parameter.name: parameter.option for parameter in self.parameters}
        return [text for name in given for text in (options[name], str(values[name]))]

    def document(self) -> dict[str, Any]:
        """What `twins list scenarios` tells: its facts, not its functions."""
        facts = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        told = {name: value for name, value in facts.items() if not callable(value)}
        told["parameters"] = [vars(parameter) for parameter in self.parameters]
        told["background"] = self.background.kind if self.background else None
        told["companion"] = self.companion.name if self.companion else None
        return told | {"user_class": self.user_class}


def all_parameters(scenarios: Iterable[Scenario]) -> dict[str, tuple[Parameter, ...]]:
    """Every parameter name, with its variants in the scenarios that have it."""
    variants: dict[str, tuple[Parameter, ...]] = {}
    for scenario in scenarios:
        for parameter in scenario.parameters:
            variants[parameter.name] = (*variants.get(parameter.name, ()), parameter)
    return variants


@dataclass(frozen=True)
class Provision:
    """What a run has at hand for its servers and scenarios.

    `token` is the right to write into the served folder, `companions` are the addresses of the programs
    beside by their names. Requests are recorded, or files kept out of memory, where a scenario
    is about that: it is a cost to all others.
    """

    token: str | None = None
    records: bool = False
    cold: bool = False
    companions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """How a server is to be started; None leaves processes or threads at its own number.

    `files` is the folder to serve, `directory` the server's own, for what it keeps while it runs. Outside
    of a run nothing is provided.
    """

    host: str
    port: int
    processes: int | None
    threads: int | None
    as_shipped: bool
    files: Path
    directory: Path
    provision: Provision | None = None


@dataclass(frozen=True)
class Launch:
    """What starts a server: `environment` is added to ours; `configuration`, where the server reads
    one, is a file's text, and whoever launches puts the file's path for `{configuration}` in the command.
    It runs in `directory`, where that is given, and speaks `scheme`."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    configuration: str | None = None
    directory: Path | None = None
    scheme: str = "http"


@dataclass(frozen=True, kw_only=True)
class ServerSpec:
    """A server under test, be it a row of a subject's table or an entry of a plan.

    `model` is how it serves many requests at once, `summary` what it is, each in a few words. `slot_kind` is
    what one request under way fills; `processes` and `threads` are defaults, None where they are not known.
    `health` is the path that answers 200 once it serves, with what it says of itself; where `ready` is given,
    that path's answer of any status below 500 says so instead. Without both it may have a /health or not.
    """

    name: str
    model: str = ""
    summary: str = ""
    interface: str | None = None
    slot_kind: str = "unknown"
    processes: int | None = None
    threads: int | None = None
    health: str | None = "/health"
    ready: str | None = None

    @property
    def inherits(self) -> tuple[str, ...]:
        """Names, and patterns of names, of variables of the shell that it takes over."""
        return ()

    @property
    def is_ours(self) -> bool:
        """Whether it is a program of ours, to be started in a folder of its own; the user's keep theirs."""
        return False

    @property
    def has_shipped_form(self) -> bool:
        """Whether it can be started with its project's own defaults instead of matched capacity."""
        return False

    @property
    def full(self) -> bool:
        """Whether its answers are held to everything its subject promises."""
        return False

    def slots(self, processes: int | None, threads: int | None) -> int | None:
        """How many requests are served at the same time; None where no bound is known."""
        return None

    def missing(self) -> str | None:
        """The program it needs and that is not installed here."""
        return None

    def launch(self, order: Order) -> Launch:
        """What starts it; ValueError in a sentence for what it cannot take."""
        raise NotImplementedError

    def differences(
        self, health: Mapping[str, Any], *, processes: int, threads: int, as_shipped: bool
    ) -> list[str]:
        """What the live server says otherwise than was asked for, a sentence each; empty where it agrees."""
        return []

    def read_back(self, health: Mapping[str, Any], processes: int) -> dict[str, int | None]:
        """The threads and slots that its project gave a server as shipped, by what it says of itself."""
        return {}


@dataclass(frozen=True)
class Subject:
    """What is measured. `code` are the top-level folders whose changes make another program of it.

    `files()` is the folder that is served where none is given; `generator_environment` what the load
    generator needs to know of what was provided, or of the user's where the server runs already; `mistakes`
    are the errors whose text is for the user.
    """

    name: str
    scenarios: Mapping[str, Scenario]
    servers: Mapping[str, ServerSpec]
    plans: Path
    code: tuple[str, ...]
    distributions: tuple[str, ...]
    files: Callable[[], Path]
    generator_environment: Callable[[Provision | None], dict[str, str]]
    commands: tuple[Callable[..., None], ...] = ()
    mistakes: tuple[type[Exception], ...] = ()
