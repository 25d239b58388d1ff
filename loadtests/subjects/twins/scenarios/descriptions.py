"""What each scenario asks of a server: pure data for the laboratory, the report and Locust's options."""

from collections.abc import Mapping
from difflib import get_close_matches

from loadtests.subjects.subject import (
    CHECK,
    OPERATION,
    STATUS,
    THINK_MS,
    WAIT_MS,
    WHERE,
    Parameter,
    Scenario,
    stored_path,
)
from loadtests.subjects.twins.scenarios.beside import BESIDE_SCENARIOS
from loadtests.subjects.twins.scenarios.files import FILE_SCENARIOS
from loadtests.subjects.twins.scenarios.upstreams import FAN_OUT

LARGE_OF_MIXED = "random/1MiB.bin"
CPU_OF_MIXED = "text/64KiB.txt"

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
            (stored_path("random/1KiB.bin"), THINK_MS),
        ),
        Scenario(
            "download-large",
            "DownloadLarge",
            "How fast do large files leave the server?",
            "moving bytes: up to 1 MiB from memory on both sides; beyond, kernel sendfile on one side, "
            "cached reads without a thread hop on the other",
            (stored_path("random/1MiB.bin"), THINK_MS),
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
            (OPERATION, stored_path("text/64KiB.txt"), WHERE, THINK_MS),
        ),
        Scenario(
            "jobs-write",
            "JobsWrite",
            "What does it cost to record a request in the database?",
            "two short writes around no work: a lock, a thread hop or a round trip, and a commit each",
            (THINK_MS,),
            records=True,
        ),
        Scenario(
            "jobs-read",
            "JobsRead",
            "How fast are pages read from the database?",
            "one query in the order of the primary key, its rows made into JSON",
            (Parameter("limit", 20, "jobs", "jobs on a page, from 1 to 1000"), THINK_MS),
            records=True,
        ),
        Scenario(
            "mixed",
            "Mixed",
            "How do short requests fare among long ones?",
            "downloads, waits and CPU work sharing the same slots: 70 % small and 5 % large downloads, "
            "20 % waits, 5 % CPU work",
            (stored_path("random/1KiB.bin", "path of the small file"), WAIT_MS, OPERATION, WHERE, THINK_MS),
            files=(LARGE_OF_MIXED, CPU_OF_MIXED),
        ),
        *FILE_SCENARIOS,
        *BESIDE_SCENARIOS,
        FAN_OUT,
        Scenario(
            "get",
            "Get",
            "How does any server answer one path?",
            "one GET of one address, of whatever server stands there",
            (Parameter("path", "/", "", "path of the request"), STATUS, CHECK, THINK_MS),
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
