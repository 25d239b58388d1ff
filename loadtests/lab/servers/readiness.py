"""When a server that was started is ready, and what it did instead where it is not."""

import http.client
import json
import signal
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from loadtests.lab import processes
from loadtests.lab.servers.asking import send
from loadtests.lab.servers.protocols import speaks_http2, speaks_tls
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.subjects.subject import Response, ServerSpec

POLL_S, MOST_WAITED_S = 0.02, 2.0
SHOWN_BYTES = 120
HEALTH, ROOT = "/health", "/"
OK, SERVER_ERRORS, UNAVAILABLE = 200, 500, 503


class OtherProtocol(Unmeasurable):
    """A server that will never answer: it does not speak what the load generator speaks."""


@dataclass
class Waiting:
    """A server that is waited for. `last` is what it did last, `since` when it began to do that."""

    url: str
    spec: ServerSpec
    trust: ssl.SSLContext | None
    timeout_s: float
    last: str = ""
    since: float = 0.0
    answered: bool = False

    def health(self) -> dict[str, Any] | None:
        """What the server says of itself once it is ready, {} where it says nothing; None until then."""
        ready, health = self.spec.ready, self.spec.health
        if ready is not None:
            answer = self._look(ready)
            if answer is None or answer.status >= SERVER_ERRORS:
                return None
            return _document(self._look(health)) if health is not None else {}
        answer = self._look(health or HEALTH)
        if answer is not None and answer.status == OK:
            return _document(answer)
        if health is not None or answer is None or answer.status == UNAVAILABLE:
            return None
        answer = self._look(ROOT)
        return {} if answer is not None and answer.status < SERVER_ERRORS else None

    def told(self, now: float) -> str:
        """What it did last, and for how long."""
        seconds = now - self.since
        return self.last.replace("{for}", f" for {seconds:.3g} s" if seconds >= 1 else "")

    def _look(self, path: str) -> Response | None:
        try:
            answer = send(self.url, path, timeout_s=self.timeout_s, trust=self.trust)
        except (OSError, http.client.HTTPException) as error:
            self._note(self._problem(error, path))
            return None
        self.answered = True
        body = " ".join(answer.body[:SHOWN_BYTES].decode("utf-8", "replace").split())
        shown = "".join(c if c.isprintable() else "\ufffd" for c in body)
        said = f"its body begins: {shown}" if shown else "without a body"
        self._note(f"{path} answered {answer.status}{{for}}, {said}")
        return answer

    def _note(self, text: str) -> None:
        if text != self.last:
            self.last, self.since = text, time.monotonic()

    def _problem(self, error: Exception, path: str) -> str:
        place = urlsplit(self.url)
        where = place.netloc.rpartition("@")[2]
        if isinstance(error, ConnectionRefusedError):
            return f"nothing listens at {where}"
        if isinstance(error, ssl.SSLCertVerificationError):
            raise OtherProtocol(
                f"the certificate of {where} is not trusted ({error.verify_message}): name its authority by "
                "ca, or accept any certificate by insecure = true"
            )
        if isinstance(error, TimeoutError):
            return f"{where} did not answer {path} within {self.timeout_s:g} s"
        host, port, secure = place.hostname or "", place.port or (443 if self.trust else 80), bool(self.trust)
        if speaks_http2(host, port, secure, self.timeout_s):
            raise OtherProtocol(
                f"{where} speaks HTTP/2 alone, and the load generator HTTP/1.1: let the server speak "
                "HTTP/1.1, too, or measure it behind a proxy that does"
            )
        if isinstance(error, ssl.SSLError):
            return (
                f"{where} speaks no TLS that we know ({error.reason or error}); without it, leave out scheme"
            )
        hint = ' over plain TCP, and speaks TLS: give scheme = "https"' if speaks_tls(host, port) else ""
        return f"{where} gave no answer of HTTP/1.1 to {path}{hint} ({error or type(error).__name__})"


def wait_until_ready(
    process: processes.Guarded | None,
    url: str,
    spec: ServerSpec,
    trust: ssl.SSLContext | None,
    start_s: float,
) -> dict[str, Any]:
    """What the server says of itself once it is ready; raises Unmeasurable with what it did instead.

    Without a process it runs already: where nobody declared when it is ready, any answer is enough.
    """
    begun = time.monotonic()
    waiting = Waiting(url, spec, trust, min(MOST_WAITED_S, start_s))
    while time.monotonic() < begun + start_s:
        if process is not None and processes.wait([process], POLL_S) and process.ended():
            raise Unmeasurable(
                f"the server died at start: it {_ending(process.exit_status)}; {_log(process)}"
            )
        health = waiting.health()
        if health is not None:
            return health
        if process is None:
            if waiting.answered and spec.ready is None and spec.health is None:
                return {}
            time.sleep(POLL_S)
    if process is not None and process.ended():
        raise Unmeasurable(f"the server died at start: it {_ending(process.exit_status)}; {_log(process)}")
    reason = f"the server did not become ready within {start_s:g} s: {waiting.told(time.monotonic())}"
    raise Unmeasurable(f"{reason}; {_log(process)}" if process is not None else reason)


def _document(answer: Response | None) -> dict[str, Any]:
    if answer is None or answer.status != OK:
        return {}
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _ending(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exited with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _log(process: processes.Guarded) -> str:
    lines = processes.last_lines(process.log, 8)
    return "the last lines of its log: " + "\n".join(lines) if lines else "it wrote nothing"
