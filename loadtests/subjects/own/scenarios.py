"""The workloads that any server can be asked for."""

from urllib.parse import unquote

from loadtests.model.asks import Ask
from loadtests.model.protocol import wrong_status
from loadtests.subjects.served import PREFIX, served_file
from loadtests.subjects.subject import THINK_MS, Parameter, Scenario, Values, Verification

STATUS = Parameter("status", 0, "", "the right status, such as 302; 0 is any success with a whole body")
CHECK = Parameter(
    "check",
    "auto",
    "",
    "what is compared with the answer read before the run; auto takes what two answers have in common, "
    "of JSON without an ETag the status",
    choices=("auto", "body", "length", "status"),
)


def one_path(values: Values) -> list[Ask]:
    path = "/" + str(values["path"]).lstrip("/")
    return [Ask(1, "GET", path, path, check=values["check"], statuses=_statuses(values))]


def answered(given: Verification) -> list[str]:
    """The page; where the address is that of a file that is served, the file's very bytes."""
    path, statuses = "/" + str(given.values["path"]).lstrip("/"), _statuses(given.values)
    name = unquote(path.partition("?")[0]).removeprefix(PREFIX)
    if (
        given.files is not None
        and path.startswith(PREFIX)
        and not statuses
        and (given.files / name).is_file()
    ):
        return served_file(given.send, name, given.files)[0]
    answer = given.send(path)
    wrong = wrong_status(answer.status, statuses, answer.headers.get("location", ""))
    return [f"GET {path} {wrong}; another right status is given by --param status=N"] if wrong else []


def _statuses(values: Values) -> tuple[int, ...]:
    return (int(values["status"]),) if values["status"] else ()


REQUESTS = Scenario(
    "requests",
    "How do these servers answer the requests of one's own users?",
    "requests of a plan, drawn by weight, with values of a feed and of earlier answers",
    (THINK_MS,),
    asks=lambda values: [],
    own=True,
)
"""Not of the table: what is asked stands in a plan."""

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "get",
            "How does any server answer one path?",
            "one GET of one address, of whatever server stands there",
            (Parameter("path", "/", "", "path of the request"), STATUS, CHECK, THINK_MS),
            asks=one_path,
            verify=answered,
        ),
    )
}
