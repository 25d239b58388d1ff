"""What each scenario asks of a server: pure data for the laboratory, the report and Locust's options."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

THINK = "think time of a closed-loop user between an answer and the next request"


@dataclass(frozen=True)
class Parameter:
    """One value a scenario can be given; its Locust option is `--twins-` and the name with dashes."""

    name: str
    default: str | int | float
    unit: str
    help: str
    choices: tuple[str, ...] = ()

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
class Scenario:
    """A workload: the question it answers about a server and the mechanism it presses on."""

    name: str
    user_class: str
    question: str
    mechanism: str
    parameters: tuple[Parameter, ...]


THINK_MS = Parameter("think_ms", 0.0, "ms", THINK)
WAIT_MS = Parameter("wait_ms", 50, "ms", "how long the server waits before it answers")
OPERATION = Parameter(
    "operation", "words", "", "the CPU work asked for", choices=("words", "digest", "compress")
)
WHERE = Parameter(
    "where", "inline", "", "where the server does the CPU work", choices=("inline", "threads", "processes")
)
CHECK = Parameter(
    "check",
    "auto",
    "",
    "what is compared with the answer read before the run; auto takes what two answers have in common",
    choices=("auto", "body", "length", "status"),
)


def _path(default: str, text: str = "path of the file in the server's tree") -> Parameter:
    return Parameter("path", default, "", text)


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "health",
            "Health",
            "What does a request cost when the application does almost nothing?",
            "parsing, routing and one small JSON answer",
            (THINK_MS,),
        ),
        Scenario(
            "download-small",
            "DownloadSmall",
            "How many small files can be downloaded per second?",
            "the cost of a request: headers, conditionals, one body handed over in one piece",
            (_path("random/1KiB.bin"), THINK_MS),
        ),
        Scenario(
            "download-large",
            "DownloadLarge",
            "How fast do large files leave the server?",
            "moving bytes: kernel sendfile on one side, cached reads without a thread hop on the other",
            (_path("random/1MiB.bin"), THINK_MS),
        ),
        Scenario(
            "process-wait",
            "ProcessWait",
            "How many requests can wait for something else at the same time?",
            "slots: each waiting request holds a process, a thread or only a task",
            (WAIT_MS, THINK_MS),
        ),
        Scenario(
            "process-cpu",
            "ProcessCpu",
            "What happens when the work is computing?",
            "the interpreter lock and the event loop under CPU work",
            (OPERATION, _path("text/64KiB.txt"), WHERE, THINK_MS),
        ),
        Scenario(
            "mixed",
            "Mixed",
            "How do short requests fare among long ones?",
            "downloads, waits and CPU work sharing the same slots: 70 % small and 5 % large downloads, "
            "20 % waits, 5 % CPU work",
            (_path("random/1KiB.bin", "path of the small file"), WAIT_MS, OPERATION, WHERE, THINK_MS),
        ),
        Scenario(
            "get",
            "Get",
            "How does any server answer one path?",
            "one GET of one address, of whatever server stands there",
            (_path("/", "path of the request"), CHECK, THINK_MS),
        ),
    )
}


def resolve(scenario: Scenario, given: Mapping[str, object]) -> dict[str, str | int | float]:
    """All parameters of the scenario, defaults filled in; raises ValueError with one plain sentence."""
    known = {parameter.name: parameter for parameter in scenario.parameters}
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(name, known, 1, 0)
            raise ValueError(
                f"the scenario {scenario.name} has no parameter '{name}' (given as '{value}'): "
                f"the nearest is '{near[0]}'."
            )
    return {name: known[name].value(given.get(name, known[name].default)) for name in known}


def locust_arguments(scenario: Scenario, parameters: Mapping[str, object]) -> list[str]:
    """Locust's options for the parameters given, such as `["--twins-path", "random/1KiB.bin"]`."""
    resolve(scenario, parameters)
    known = {parameter.name: parameter for parameter in scenario.parameters}
    arguments = []
    for name, value in parameters.items():
        arguments += [known[name].option, str(known[name].value(value))]
    return arguments


def all_parameters() -> dict[str, tuple[Parameter, ...]]:
    """Every parameter name, with its variants in the scenarios that have it."""
    variants: dict[str, tuple[Parameter, ...]] = {}
    for scenario in SCENARIOS.values():
        for parameter in scenario.parameters:
            variants[parameter.name] = (*variants.get(parameter.name, ()), parameter)
    return variants
