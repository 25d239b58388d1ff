"""A plan's request as bytes on the wire: what never varies is joined once, before the run."""

from time import time

from loadtests.model.cookies import Jar
from loadtests.subjects.own.answers import Reader
from loadtests.subjects.own.recipes import Pattern, RequestValues, joined, recipe
from loadtests.subjects.own.requests import PlanLogin
from loadtests.wire.message import Address, Expectation, Request


class Form:
    """Makes requests of one of a plan's, and reads their answers. `learn` gives the right statuses.

    Where `parts` are wanted, for Locust's own clients, headers and body are made beside the bytes.
    """

    def __init__(
        self, planned: PlanLogin, name: str, target: Address, *, close: bool, parts: bool = False
    ) -> None:
        self.planned = planned
        self.reader = Reader(planned)
        self._name = name
        self._parts = parts
        self._recipe = made = recipe(planned)
        self._own_cookies = any(field.lower() == "cookie" for field, _ in made.headers)
        self._target = made.target
        self._line = f"{made.method} {target.base_path}".encode("latin-1")
        fields = joined(
            f" HTTP/1.1\r\nHost: {target.authority}\r\nUser-Agent: twins\r\n".encode("latin-1"),
            *(
                piece
                for field, value in made.headers
                for piece in (f"{field}: ".encode("latin-1"), value, b"\r\n")
            ),
            b"Connection: close\r\n" if close else b"",
        )
        self._head = joined(self._line, made.target, fields)
        self._body: Pattern | None = made.body
        constant = None if made.body is None else made.body.constant
        self._end = b"\r\n"
        if constant is not None:
            self._end, self._body = b"Content-Length: %d\r\n\r\n" % len(constant) + constant, None
        self._fixed = self._head.constant
        self._fixed_path = None if made.target.constant is None else made.target.constant.decode("ascii")
        self.expectation = Expectation(frozenset(planned.status))

    def learn(self, status: int) -> None:
        """The status of a right answer, where the plan names none."""
        if not self.planned.status:
            self.expectation = Expectation(frozenset({status}))

    def path(self, values: RequestValues) -> str:
        """The path that a request has, as cookies are chosen by it."""
        return self._fixed_path or self._target.fill(values).decode("ascii")

    def fill(self, values: RequestValues, jar: Jar | None) -> Request:
        """The request with its values; KeyError for a name that has none."""
        cookies = b""
        if jar is not None and not self._own_cookies:
            cookies = jar.field(self.path(values) if jar.by_path else "/", time())
        head = self._fixed or self._head.fill(values)
        if cookies:
            head = b"%bCookie: %b\r\n" % (head, cookies)
        if self._body is None:
            wire = head + self._end
        else:
            body = self._body.fill(values)
            wire = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        if self._parts:
            return self._in_parts(values, cookies, wire)
        planned = self.planned
        return Request(self._name, planned.method, planned.path, wire, self.expectation)

    def _in_parts(self, values: RequestValues, cookies: bytes, wire: bytes) -> Request:
        made = self._recipe
        headers = made.header_list(values)
        if cookies:
            headers.append(("Cookie", cookies.decode("latin-1")))
        body = None if made.body is None else made.body.fill(values)
        return Request(
            self._name,
            made.method,
            self.path(values),
            wire,
            self.expectation,
            headers=tuple(headers),
            body=body,
        )
