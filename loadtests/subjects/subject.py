"""The words a scenario is described in, and the parameters that several of them share (pure data)."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

READY_S = 30.0  # in which the clients in the background are to be at work, before the warm-up
THINK = "think time of a closed-loop user between an answer and the next request"


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


@dataclass(frozen=True)
class Background:
    """Clients beside the users, in a process of their own; their requests count into no figure.

    `kind` is readers, senders, idle, askers or streams; `count` names the parameter that says how many.
    """

    kind: str
    count: str


@dataclass(frozen=True)
class Scenario:
    """A workload: the question it answers about a server and the mechanism it presses on.

    One that `writes` needs a token, and a served folder that may be changed. `files` are the paths it
    reads beside those that its parameters name. Where none `records`, servers process without recording.
    `upstream` says that the server waits for one. A `cold` one wants servers that keep no file in memory.
    """

    name: str
    user_class: str
    question: str
    mechanism: str
    parameters: tuple[Parameter, ...]
    writes: bool = False
    records: bool = False
    files: tuple[str, ...] = ()
    background: Background | None = None
    upstream: bool = False
    cold: bool = False

    def stored(self, values: Mapping[str, object]) -> tuple[str, ...]:
        """The paths in the served folder that the scenario reads, for its resolved parameters."""
        named = (str(values[parameter.name]) for parameter in self.parameters if parameter.stored)
        return (*self.files, *named)


THINK_MS = Parameter("think_ms", 0.0, "ms", THINK)
WAIT_MS = Parameter("wait_ms", 50, "ms", "how long the server waits before it answers")
OPERATION = Parameter(
    "operation", "words", "", "the CPU work asked for", choices=("words", "digest", "compress")
)
WHERE = Parameter(
    "where", "inline", "", "where the server does the CPU work", choices=("inline", "threads", "processes")
)
STATUS = Parameter("status", 0, "", "the right status, such as 302; 0 is any success with a whole body")
CHECK = Parameter(
    "check",
    "auto",
    "",
    "what is compared with the answer read before the run; auto takes what two answers have in common",
    choices=("auto", "body", "length", "status"),
)


def stored_path(default: str, text: str = "path of the file in the server's tree") -> Parameter:
    return Parameter("path", default, "", text, stored=True)
