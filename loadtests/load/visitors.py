"""Users of a plan's requests: each with its values, its cookies and its login; and the feed they share."""

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from time import time
from typing import Any

from loadtests.load.forms import Form
from loadtests.load.measurement import Choice, Mix
from loadtests.model.asks import Unprepared
from loadtests.model.cookies import Jar
from loadtests.model.protocol import wrong_status
from loadtests.model.samples import OK
from loadtests.subjects.own.answers import Given, Wrong, field_of
from loadtests.subjects.own.feeds import Row
from loadtests.subjects.own.naming import chain, missing, needs, weights
from loadtests.subjects.own.requests import PlanRequest, Workload
from loadtests.wire.client import Client, Exchange
from loadtests.wire.failures import KIND, WireFailure, sentence
from loadtests.wire.message import Address, Expectation, Request

BODY, STATUS = KIND["body"], KIND["status"]
ANY_STATUS = Expectation(frozenset(range(200, 600)))
SUCCESSES = range(200, 300)


class OwnChoice(Choice):
    """A request of a plan, as it is drawn: `form` writes it."""

    form: Form

    def __init__(self, form: Form, request: Request, name: int, then: "OwnChoice | None") -> None:
        super().__init__(request, name, then)
        object.__setattr__(self, "form", form)


class Visitors:
    """All users of a workload. `rows` and `accounts` are read by all of them together."""

    def __init__(
        self,
        workload: Workload,
        target: Address,
        *,
        close: bool,
        parts: bool,
        values: dict[str, Any],
        columns: tuple[str, ...],
        rows: Iterator[Row],
        accounts: Iterator[Row],
        new_client: Callable[[], AbstractContextManager[Client]],
    ) -> None:
        self.sent = 0
        self.feed_ends = workload.feed is not None and workload.feed.end == "stop"
        self.labels = [(request.name, request.method) for request in workload.requests]
        self.columns = columns
        self.rows = rows
        self._workload = workload
        self._host = target.host
        self._values = values
        self._accounts = accounts
        self._new_client = new_client
        self._weights = {name: weight for name, weight in weights(workload).items() if weight}
        self._logins = [Form(login, "login", target, close=close, parts=parts) for login in workload.login]
        self._forms = {
            request.name: Form(request, request.name, target, close=close, parts=parts)
            for request in workload.requests
        }
        self._choices = {name: self._choice(name) for name in self._weights}
        self._takes_row = {
            name: any(needs(link) & set(columns) for link in chain(workload, name)) for name in self._weights
        }
        self._mixes: dict[frozenset[str], Mix] = {}
        self._ready: deque[Visitor] = deque()

    def _choice(self, name: str) -> OwnChoice:
        following: OwnChoice | None = None
        for link in reversed(list(chain(self._workload, name))):
            request = Request(link.name, link.method, link.path, b"")
            number = self.labels.index((link.name, link.method))
            following = OwnChoice(self._forms[link.name], request, number, following)
        assert following is not None  # noqa: S101 - a chain has a link
        return following

    def takes_row(self, choice: Choice) -> bool:
        return self._takes_row[choice.request.name]

    def mix(self, known: frozenset[str]) -> Mix:
        """What a user of these values can ask: the others wait until an answer brought what they need."""
        found = self._mixes.get(known)
        if found is None:
            have = known | set(self.columns)
            names = [name for name in self._weights if not missing(self._workload, name, have)]
            found = Mix([self._choices[name] for name in names], [self._weights[name] for name in names])
            self._mixes[known] = found
        return found

    def log_in(self) -> "Visitor":
        """A new user, logged in; raises Unprepared."""
        account = next(self._accounts, None)
        if account is None and self._workload.accounts is not None:
            raise Unprepared("there are fewer accounts than users, and each is used once: end = 'stop'.")
        with self._new_client() as client:
            return self._logged_in(client, account or {})

    def _logged_in(self, client: Client, account: Row) -> "Visitor":
        jar = Jar(self._host) if self._workload.cookies else None
        visitor = Visitor(self, {**self._values, **account}, jar)
        for form in self._logins:
            self._ask(client, form, visitor, visitor.values, "the login ")
        visitor.settle()
        return visitor

    def keep(self, visitor: "Visitor") -> None:
        """Have a user ready for whoever claims one next."""
        self._ready.append(visitor)

    def claim(self) -> "Visitor":
        """A user that is ready, else a new one."""
        return self._ready.popleft() if self._ready else self.log_in()

    def next(self) -> "Visitor":
        """The users in turn."""
        self._ready.rotate(-1)
        return self._ready[-1]

    def learn(self, row: Row, account: Row) -> None:
        """Ask each request once, as a user apart, and take its status for the right one where none is named.

        Raises Unprepared where an answer is not what the plan says.
        """
        with self._new_client() as client:
            self._learn(client, row, self._logged_in(client, account))

    def _learn(self, client: Client, row: Row, visitor: "Visitor") -> None:
        values: dict[str, Any] = {**visitor.values, **row}
        left = {request.name for request in self._workload.requests}
        for _ in range(len(left) + 1):
            for name in self._weights:
                links = list(chain(self._workload, name))
                if missing(self._workload, name, values) or not left & {link.name for link in links}:
                    continue
                for link in links:
                    self._ask(client, self._forms[link.name], visitor, values, "")
                    left.discard(link.name)
            if not left:
                return
        raise Unprepared(f"the request {sorted(left)[0]} could never be sent.")

    def _ask(self, client: Client, form: Form, visitor: "Visitor", values: dict[str, Any], what: str) -> None:
        planned = form.planned
        label = planned.name if isinstance(planned, PlanRequest) else ""
        who = f"{what}{planned.method} {planned.path}" + (f" ({label})" if label else "")
        right, form.expectation = form.expectation, ANY_STATUS
        try:
            request = form.fill(values, visitor.jar)
        finally:
            form.expectation = right
        progress = Exchange(kept=True)
        try:
            kind = client.exchange(request, False, progress)
        except WireFailure as failure:
            raise Unprepared(f"{who} fails before the run: {failure}.") from None
        finally:
            self.sent += progress.sent_ns > 0
        if kind not in (OK, STATUS):
            raise Unprepared(f"{who} fails before the run: {sentence(kind, progress.status)}.")
        asked = planned.status or [status for status in SUCCESSES if status in right.statuses]
        if asked or progress.status not in SUCCESSES:
            location = field_of(progress.head, "location") or ""
            if wrong := wrong_status(progress.status, asked, location.partition("?")[0]):
                raise Unprepared(f"{who} {wrong}; another right status is given by status = N.")
        form.learn(progress.status)
        visitor.take_cookies(form, values, progress.head)
        try:
            found = form.reader.read(
                Given(progress.head, progress.body), request.wire, values, visitor.cookie
            )
        except Wrong as wrong:
            raise Unprepared(f"{who} answers without {wrong}.") from None
        visitor.values.update(found)
        values.update(found)


class Visitor:
    """One user: `values` are its own, from its login and from answers."""

    __slots__ = ("_mix", "_users", "jar", "values")

    def __init__(self, users: Visitors, values: dict[str, Any], jar: Jar | None) -> None:
        self._users = users
        self.values = values
        self.jar = jar
        self._mix: Mix

    def settle(self) -> None:
        """Look anew at what can be asked with the values that are there."""
        self._mix = self._users.mix(frozenset(self.values))

    def cookie(self, name: str) -> str | None:
        return None if self.jar is None else self.jar.get(name)

    def take_cookies(self, form: Form, values: dict[str, Any], head: bytes) -> None:
        if self.jar is not None and b"\nset-cookie:" in head.lower():
            self.jar.take(head, form.path(values), time())

    def turn(self, source: random.Random) -> "OwnTurn | None":
        """What it asks next, its values apart from those of its other requests; None at the feed's end."""
        choice = self._mix.draw(source)
        if self._users.takes_row(choice):
            row = next(self._users.rows, None)
            if row is None:
                return None
            values = {**self.values, **row}
        else:
            values = dict(self.values)
        return OwnTurn(self, values, choice)


class OwnTurn:
    """A request and those that follow it: they share a row of the feed and what their answers bring."""

    __slots__ = ("_form", "_request", "_values", "_visitor", "choice")

    def __init__(self, visitor: Visitor, values: dict[str, Any], choice: Choice) -> None:
        self._visitor = visitor
        self._values = values
        self.choice = choice
        self.prepare(choice)

    def prepare(self, choice: Choice) -> None:
        assert isinstance(choice, OwnChoice)  # noqa: S101 - narrows the type
        self._form = choice.form
        self._request = choice.form.fill(self._values, self._visitor.jar)

    def request(self) -> Request:
        return self._request

    def progress(self) -> Exchange:
        return Exchange(kept=self._form.reader.needed)

    def read(self, progress: Exchange, kind: int) -> int:
        """Cookies are taken of any answer, values of right ones."""
        visitor, form = self._visitor, self._form
        if visitor.jar is not None and progress.head:
            visitor.take_cookies(form, self._values, progress.head)
        if kind != OK or not form.reader.needed:
            return kind
        given = Given(progress.head, progress.body)
        try:
            found = form.reader.read(given, self._request.wire, self._values, visitor.cookie)
        except Wrong:
            return BODY
        if found:
            self._values.update(found)
            fresh = not found.keys() <= visitor.values.keys()
            visitor.values.update(found)
            if fresh:
                visitor.settle()
        return kind
