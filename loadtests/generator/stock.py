"""Locust's own HTTP clients behind the wire client's interface, for cross-checks.

They fire Locust's event themselves and tell neither when the connection stood nor when the first
byte came: those times are left at the ones that are known.
"""

from http.cookiejar import DefaultCookiePolicy
from time import monotonic_ns
from typing import Any

from geventhttpclient.useragent import ConnectionError as FastConnectionError
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.env import Environment

from loadtests.model.samples import OK
from loadtests.wire.bodies import BodyCheck
from loadtests.wire.client import Exchange, Policy
from loadtests.wire.connection import Endpoint
from loadtests.wire.failures import KIND, WireFailure
from loadtests.wire.message import Request


class StockClient:
    """One session of `fasthttp` or `http`; connections are kept or closed by the `Connection` header."""

    fires = False

    def __init__(
        self,
        name: str,
        environment: Environment,
        endpoint: Endpoint,
        policy: Policy,
        user: Any,
        verify: str | bool = True,
    ) -> None:
        target = endpoint.target
        self._base = f"{'https' if target.tls else 'http'}://{target.authority}{target.base_path}"
        self._policy = policy
        self._fast = name == "fasthttp"
        self._event = environment.events.request
        self._user = user
        self._verify = verify
        self._session = self._new_session()
        self._requests = 0

    def _new_session(self) -> Any:
        if not self._fast:
            slow = HttpSession(self._base, self._event, self._user)
            slow.trust_env = False  # a proxy would be measured, and .netrc would send its credentials
            slow.verify = self._verify
            slow.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            return slow
        first_s = self._policy.first_byte_timeout_ns / 1e9
        session = FastHttpSession(
            self._base, self._event, self._user, connection_timeout=first_s, network_timeout=first_s
        )
        # a user's cookies are kept, and sent, by whoever writes its requests
        session.cookiejar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return session

    def exchange(self, request: Request, digested: bool, progress: Exchange) -> int:
        """As WireClient.exchange; an upload's stream is joined first, as these clients know no other way."""
        body = request.body if request.stream is None else b"".join(request.stream())
        headers = {
            name: value
            for name, value in request.headers
            if name not in ("Content-Length", "Transfer-Encoding")
        }
        headers.setdefault("Accept-Encoding", "identity")
        progress.sent_ns = monotonic_ns()
        with self._session.request(
            request.method,
            request.path,
            name=request.name,
            data=body,
            headers=headers,
            allow_redirects=False,
            catch_response=True,
        ) as response:
            content = response.content or b""
            progress.first_ns = progress.last_ns = monotonic_ns()
            progress.status, progress.received = response.status_code or 0, len(content)
            progress.head, progress.body = _head(response), content
            kind = self._kind(request, digested, response, content)
            if kind == OK:
                response.success()
            else:
                failure = WireFailure(_KIND_NAMES[kind], progress.status)
                response.failure(failure)
        self._requests += 1
        if self._requests == self._policy.requests:
            self._requests = 0
            self._session = self._new_session()
        return kind

    def _kind(self, request: Request, digested: bool, response: Any, content: bytes) -> int:
        if not response.status_code:
            error = getattr(response, "error", None)
            refused = isinstance(error, ConnectionRefusedError | FastConnectionError)
            return KIND["connect" if refused else "reset"]
        if response.status_code not in request.expectation.statuses:
            return KIND["status"]
        check = BodyCheck(request.expectation, digested)
        check.feed(content)
        return check.verdict()

    def acknowledge(self) -> None:
        """Their sockets are out of reach."""

    def close(self) -> None:
        """The session's connections go with it."""


def _head(response: Any) -> bytes:
    """The fields of a response as they might have come; both clients keep repeated ones apart."""
    raw = getattr(response, "raw", None)  # of requests, which joins them in its own headers
    fields = (raw if raw is not None else response).headers or {}
    lines = ["HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


_KIND_NAMES = {number: name for name, number in KIND.items()}
