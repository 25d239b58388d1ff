"""Do the servers answer alike? Every request of a scenario is asked of every server, twice."""

import http.client
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtests.lab import workloads
from loadtests.lab.bench import Bench
from loadtests.lab.plan import Plan, PlanScenario
from loadtests.lab.servers import running
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.lab.servers.running import RunningServer
from loadtests.lab.serving import serve
from loadtests.model.cookies import Jar, cookies_set
from loadtests.model.inherited import inherited
from loadtests.model.sameness import Sameness, sentence
from loadtests.subjects.own.answers import Given, Reader, Wrong
from loadtests.subjects.own.feeds import Row, read_feed
from loadtests.subjects.own.naming import needs
from loadtests.subjects.own.recipes import SECRET, recipe, text_of
from loadtests.subjects.own.redaction import cleaned, forms
from loadtests.subjects.own.requests import PlanLogin, PlanRequest, Workload
from loadtests.subjects.own.sameness import Asked, Ignored, Key, Twice, ignored, judge, shared_databases
from loadtests.subjects.own.secrets import sounds_secret

SAMPLE_ROWS = 20
TIMEOUT_S, STOP_S = 10.0, 5.0
Said = Callable[[str], object]


@dataclass(frozen=True)
class Script:
    """What is asked of each server of a scenario, and of which rows of its feed."""

    label: str
    workload: Workload
    rows: list[tuple[int, Row]]
    accounts: Row
    ignore: dict[str, Ignored]
    secrets: dict[str, str]


def compared(plan: Plan) -> dict[str, list[str]]:
    """The scenarios whose servers are compared, and those: two at the least, one of them one's own."""
    found = {}
    for label, planned in plan.scenarios.items():
        servers = [name for name in plan.servers if name in (planned.servers or plan.servers)]
        own = any(plan.servers[name].server is None for name in servers)
        if own and len(servers) > 1 and (planned.requests or planned.kind == "get"):
            found[label] = servers
    return found


def look(bench: Bench, *, rows: int | None = SAMPLE_ROWS, say: Said = lambda text: None) -> list[Sameness]:
    """Ask the servers of each scenario, one server after the other; `rows` of a feed, None for all of them.

    A server that does not start is told in the notes. Raises PlanError for a secret that is not set.
    """
    wanted = compared(bench.plan)
    scripts = {label: script(bench.plan, label, rows) for label in wanted}
    answers: dict[str, dict[str, dict[Key, Twice]]] = {label: {} for label in wanted}
    notes: dict[str, list[str]] = {label: [] for label in wanted}
    saved: dict[str, set[str]] = {label: set() for label in wanted}
    for server in dict.fromkeys(name for servers in wanted.values() for name in servers):
        labels = [label for label, servers in wanted.items() if server in servers]
        say(f"{server} is asked what it answers: {', '.join(labels)}")
        try:
            for label, asked, secrets in _asked(bench, server, [scripts[label] for label in labels]):
                answers[label][server] = asked
                saved[label] |= secrets
        except Unmeasurable as error:
            for label in labels:
                notes[label].append(f"{server} could not be asked: {error}")
    databases = shared_databases({name: _environment(bench.plan, name) for name in bench.plan.servers})
    found = []
    for label, servers in wanted.items():
        broken = bool(notes[label])
        result = judge(
            label, answers[label], scripts[label].ignore, _pairs(bench.plan, label, servers), notes[label]
        )
        written = any(request.method not in ("GET", "HEAD") for request in scripts[label].workload.requests)
        more = databases if written else []
        update = {"servers": servers, "alike": result.alike and not broken, "notes": [*result.notes, *more]}
        result = result.model_copy(update=update)
        clean = cleaned(result.model_dump(mode="json"), [*bench.hidden, *forms(saved[label])])
        result = Sameness.model_validate(clean)
        found.append(result.model_copy(update={"sentence": sentence(result)}))
    return found


def script(plan: Plan, label: str, rows: int | None) -> Script:
    planned = plan.scenarios[label]
    workload = workloads.workload_of(planned) or _one_path(planned)
    everywhere = planned.ignore
    ignore = {request.name: ignored([*everywhere, *request.ignore]) for request in workload.requests}
    ignore |= {
        login_name(number, workload): ignored([*everywhere, *login.ignore])
        for number, login in enumerate(workload.login)
    }
    accounts = read_feed(Path(workload.accounts.file)).rows[0] if workload.accounts else {}
    return Script(label, workload, _sample(workload, rows), accounts, ignore, workloads.secrets([workload]))


def login_name(number: int, workload: Workload) -> str:
    return "login" if len(workload.login) == 1 else f"login[{number}]"


def _one_path(planned: PlanScenario) -> Workload:
    path = "/" + str(planned.parameters.get("path", "/")).lstrip("/")
    return Workload(requests=[PlanRequest(path=path.replace("{", "%7B"), name="get")])


def _sample(workload: Workload, rows: int | None) -> list[tuple[int, Row]]:
    """Rows with their numbers from 1, evenly spread, the first and the last among them."""
    if workload.feed is None:
        return [(1, {})]
    every = list(enumerate(read_feed(Path(workload.feed.file)).rows, 1))
    if rows is None or len(every) <= rows:
        return every
    return [every[round(place * (len(every) - 1) / (rows - 1))] for place in range(rows)]


def _pairs(plan: Plan, label: str, servers: Sequence[str]) -> list[tuple[str, str]]:
    """Each server with the first one, and those that the plan compares."""
    found = [(servers[0], other) for other in servers[1:]]
    for primary in plan.compare:
        pair = (primary.baseline, primary.server)
        if primary.scenario == label and pair not in found and pair[::-1] not in found:
            found.append(pair)
    return found


def _environment(plan: Plan, label: str) -> dict[str, str]:
    planned = plan.servers[label]
    return {**inherited(planned.inherit), **planned.environment}


def _asked(
    bench: Bench, label: str, scripts: Sequence[Script]
) -> Iterator[tuple[str, dict[Key, Twice], set[str]]]:
    with tempfile.TemporaryDirectory(dir=bench.run, prefix=".same-") as folder:
        server = serve(bench, label, Path(folder))
        try:
            for given in scripts:
                visits = [_Visit(server, given) for _ in range(2)]
                first, second = (one.answers() for one in visits)
                twice: dict[Key, Twice] = {place: (answer, second[place]) for place, answer in first.items()}
                yield given.label, twice, visits[0].secrets | visits[1].secrets
        finally:
            running.stop(server, STOP_S)


class _Visit:
    """One user, who logs in and then sends each request of the plan for each row of the sample.

    `secrets` are what it was given to keep: cookies, what its login saved, and what is named a secret.
    """

    def __init__(self, server: RunningServer, given: Script) -> None:
        self._url, self._trust, self._given = urlsplit(server.run.url), server.trust, given
        self._jar = Jar(self._url.hostname or "")
        self._values: dict[str, Any] = {SECRET + name: value for name, value in given.secrets.items()}
        self._values |= given.accounts
        self.secrets: set[str] = set()

    def answers(self) -> dict[Key, Asked | str]:
        found: dict[Key, Asked | str] = {}
        workload = self._given.workload
        for number, login in enumerate(workload.login):
            found[login_name(number, workload), None] = self._ask(login)
        columns = set(self._given.rows[0][1])
        moving = _moving(workload, columns)
        for place, (number, row) in enumerate(self._given.rows):
            self._values |= row
            for request in workload.requests:
                if request.name in moving:
                    found[request.name, number] = self._ask(request)
                elif not place:
                    found[request.name, None] = self._ask(request)
        return found

    def _ask(self, request: PlanLogin) -> Asked | str:
        """The answer, and what it says is kept for later requests; a text where there is none."""
        made = recipe(request)
        try:
            target = made.target.fill(self._values)
            body = None if made.body is None else made.body.fill(self._values)
            headers = made.header_list(self._values)
        except KeyError as missing:
            return f"nothing was saved that gives a value to {{{missing.args[0]}}}"
        path = target.decode("ascii")
        cookie = self._jar.field(path, time.time()).decode("latin-1") if self._given.workload.cookies else ""
        try:
            head, answer = self._exchange(request.method, path, headers, body, cookie)
        except (OSError, http.client.HTTPException) as error:
            return f"{error or type(error).__name__}"
        self._jar.take(head, path, time.time())
        self.secrets |= {cookie.value for cookie in cookies_set(head, time.time())}
        saving = request.model_copy(update={"answer": type(request.answer)()})
        with suppress(Wrong):  # what then lacks a value says so
            saved = Reader(saving).read(Given(head, answer.body), target, self._values, self._jar.get)
            self._values |= saved
            login = not isinstance(request, PlanRequest)
            self.secrets |= {text_of(saved[name]) for name in saved if login or sounds_secret(name)}
        return answer

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes | None,
        cookie: str,
    ) -> tuple[bytes, Asked]:
        host, port = self._url.hostname or "", self._url.port
        connection = _connection(host, port, self._url.scheme, self._trust)
        try:
            connection.putrequest(method, self._url.path.rstrip("/") + path, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if cookie:
                connection.putheader("Cookie", cookie)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            fields = response.getheaders()
            content = response.read()
        finally:
            connection.close()
        joined: dict[str, str] = {}
        for name, value in fields:
            place = name.lower()
            joined[place] = f"{joined[place]}, {value}" if place in joined else value
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        head = f"HTTP/1.1 {response.status}\r\n{lines}\r\n".encode("latin-1")
        return head, Asked(response.status, joined, content)


def _connection(
    host: str, port: int | None, scheme: str, trust: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=trust)
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def _moving(workload: Workload, columns: set[str]) -> set[str]:
    """The requests that take a value of the feed, be it by way of an earlier answer."""
    values, found = set(columns), set[str]()
    for _ in workload.requests:
        for request in workload.requests:
            if request.name not in found and needs(request) & values:
                found.add(request.name)
                values |= set(request.save)
    return found
