"""`/fetch`: which upstream addresses may be fetched, when again, and what is answered.

One address that fails leaves the others alone: it is answered with a code of `FAILURES` and a sentence.
Every fetch is a GET, hence idempotent, and may be tried again (RFC 9110 section 9.2.2).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError, model_validator

from shared.catalogue import Catalogue, check_name
from shared.entries import address
from shared.errors import Forbidden, ServiceError, Unprocessable
from shared.numbers import Whole
from shared.operations import Name, Operation, read_object, sentence
from shared.origins import (
    MAX_ADDRESS_CHARACTERS,
    BadAddress,
    Origin,
    UpstreamAddress,
    connectable,
    read_address,
    read_onward,
)
from shared.replies import Reply, json_reply
from shared.settings import MAX_ADDRESSES, MAX_FETCH_BYTES, MAX_FETCH_MS, MAX_UPSTREAM_HEAD_BYTES, Settings
from shared.uploads import Upload, authorize

DECIDING = ("authorization", "content-type")
"""The request headers that a fetch looks at."""

RETRY_AFTER_S = (0.1, 0.4)
"""How long to wait before the second and the third attempt; there is no fourth."""

RETRIED_STATUSES = (502, 503, 504)
REDIRECT_STATUSES = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 10.0

FAILURES = {
    "bad-address": "The address cannot be read.",
    "not-allowed": "The address's origin is not among those that may be fetched from.",
    "private-address": "The host's name leads to no address on the public internet.",
    "no-such-host": "The host's name has no address.",
    "unreachable": "No connection to the upstream could be made.",
    "timeout": "The upstream did not answer in time.",
    "broken": "The upstream broke off, or what it answered is not HTTP.",
    "too-many-redirects": f"The upstream redirected more than {MAX_REDIRECTS} times.",
    "too-large": "The body has more bytes than max_bytes allows.",
    "not-stored": "The body was not stored.",
}
RETRIED_FAILURES = ("unreachable", "broken")


class Source(Operation):
    """One upstream address, and the name under which the catalogue shall keep its body."""

    url: str = Field(max_length=MAX_ADDRESS_CHARACTERS)
    store: Name | None = None


class Fetch(Operation):
    """Download several addresses at the same time; no two of them are stored under the same name."""

    addresses: list[Source] = Field(min_length=1, max_length=MAX_ADDRESSES)
    max_bytes: Whole = Field(default=64 * 1024 * 1024, ge=0, le=MAX_FETCH_BYTES)
    timeout_ms: Whole = Field(default=30_000, ge=1, le=MAX_FETCH_MS)

    @model_validator(mode="after")
    def names_differ(self) -> "Fetch":
        names = [source.store for source in self.addresses if source.store is not None]
        if len(set(names)) < len(names):
            raise ValueError("two addresses cannot be stored under the same name")
        return self


class Failure(Exception):
    """Why one address was not fetched: a code of FAILURES, with a sentence of its own where it has one."""

    def __init__(self, code: str, detail: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail or FAILURES[code]


@dataclass
class FetchedBody:
    """One body on its way in: its size and digest so far, and the upload that stores it, if one does."""

    status: int
    redirects: int
    limit: int
    upload: Upload | None = None
    size: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def store(self, catalogue: Catalogue, name: str) -> None:
        """Open the temporary file; Failure."""
        if self.status != 200:
            detail = f"The upstream answered {self.status}; only the body of a 200 is stored."
            raise Failure("not-stored", detail)
        with not_stored():
            self.upload = Upload(catalogue, name, {}, self.limit)

    def take(self, block: bytes) -> None:
        """Count, digest and store a block; Failure."""
        self.size += len(block)
        if self.size > self.limit:
            raise Failure("too-large")
        self.digest.update(block)
        if self.upload is not None:
            with not_stored():
                self.upload.write(block)

    def document(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "bytes": self.size,
            "sha256": self.digest.hexdigest(),
            "redirects": self.redirects,
        }

    def abort(self) -> None:
        if self.upload is not None:
            self.upload.abort()


FetchOutcome = FetchedBody | Failure


@contextmanager
def not_stored() -> Iterator[None]:
    """What the catalogue refuses is one address's failure."""
    try:
        yield
    except ServiceError as error:
        raise Failure("not-stored", error.detail) from None


def fetching_off() -> Forbidden:
    """What every request is answered where there are no upstreams."""
    return Forbidden("Fetching is off: the service was started without TWINS_UPSTREAMS.")


def read_fetch(headers: Mapping[str, str], body: bytes, settings: Settings) -> Fetch:
    """Parse, validate and authorize a request; Forbidden, Unauthorized, and what `read_work` raises.

    Storing needs the bearer token, as PUT does.
    """
    document = read_object(headers.get("content-type"), body)
    try:
        fetch = Fetch.model_validate(document)
    except ValidationError as error:
        raise Unprocessable(sentence(error)) from None
    names = [source.store for source in fetch.addresses if source.store is not None]
    if names:
        authorize(headers, settings.token)
    for name in names:
        check_name(name)
    return fetch


def admit(url: str, allowed: frozenset[Origin]) -> UpstreamAddress:
    """The address, if it may be fetched; Failure."""
    try:
        return _allowed(read_address(url), allowed)
    except BadAddress as error:
        raise Failure("bad-address", str(error)) from None


def check_head(version: str, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Failure for the head of an answer that the client libraries of the two faces would judge apart.

    An answer that is none, such as a change to a protocol that nobody asked for; a version that nobody
    speaks; more than MAX_UPSTREAM_HEAD_BYTES; and a body framed in two ways, or in one that is not spoken
    here (RFC 9112 section 6.3).
    """
    codings = [value.strip().lower() for name, value in headers if name.lower() == b"transfer-encoding"]
    twice = bool(codings) and any(name.lower() == b"content-length" for name, _ in headers)
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers)
    spoken = version in ("HTTP/1.0", "HTTP/1.1") and status >= 200
    if not spoken or twice or codings not in ([], [b"chunked"]) or size > MAX_UPSTREAM_HEAD_BYTES:
        raise Failure("broken")


def onward(
    before: UpstreamAddress, status: int, location: str | None, redirects: int, allowed: frozenset[Origin]
) -> UpstreamAddress | None:
    """Where a response redirects to, checked like the first address; None where it is the answer. Failure."""
    if status not in REDIRECT_STATUSES or location is None:
        return None
    if redirects >= MAX_REDIRECTS:
        raise Failure("too-many-redirects")
    try:
        return _allowed(read_onward(before, location), allowed)
    except BadAddress as error:
        raise Failure("bad-address", f"Of a redirect: {error}") from None


def _allowed(address: UpstreamAddress, allowed: frozenset[Origin]) -> UpstreamAddress:
    if address.origin not in allowed:
        raise Failure("not-allowed", f"{address.origin} is not among the origins that may be fetched from.")
    return address


def choose_ip(origin: Origin, ips: Sequence[str], attempt: int, allowed: frozenset[Origin]) -> str:
    """The IP address to connect to, another one on each attempt where there are several; Failure."""
    if not ips:
        raise Failure("no-such-host")
    chosen = connectable(origin, ips, allowed)
    if not chosen:
        raise Failure("private-address")
    return chosen[(attempt - 1) % len(chosen)]


@dataclass(frozen=True)
class Wire:
    """One GET as the client sends it: to an IP address, in the name of the host."""

    url: str
    headers: tuple[tuple[str, str], ...]
    server_name: str | None  # of TLS: sent as SNI, and what the certificate must be for


def wire(target: UpstreamAddress, ip: str) -> Wire:
    """The request to the IP address that was checked, so that no second look-up can lead elsewhere."""
    origin = target.origin
    host = f"[{ip}]" if ":" in ip else ip
    headers = (("Host", origin.authority), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
    name = (
        origin.host.removesuffix(".") if origin.scheme == "https" and not origin.is_ip else None
    )  # RFC 6066
    return Wire(f"{origin.scheme}://{host}:{origin.port}{target.target}", headers, name)


def retry_after_s(attempt: int, outcome: FetchOutcome) -> float | None:
    """How long to wait before the next attempt; None where there is none. `attempt` counts from 1."""
    worth = (
        outcome.code in RETRIED_FAILURES
        if isinstance(outcome, Failure)
        else outcome.status in RETRIED_STATUSES
    )
    return RETRY_AFTER_S[attempt - 1] if worth and attempt <= len(RETRY_AFTER_S) else None


def keep(outcomes: Sequence[FetchOutcome]) -> list[FetchOutcome]:
    """Make what is to be stored visible, once all bodies are here; touches the disk."""
    return [_kept(outcome) for outcome in outcomes]


def _kept(outcome: FetchOutcome) -> FetchOutcome:
    if isinstance(outcome, Failure) or outcome.upload is None:
        return outcome
    try:
        with not_stored():
            outcome.upload.finish()
    except Failure as failure:
        return failure
    finally:
        outcome.abort()
    return outcome


def reply_fetch(fetch: Fetch, outcomes: Sequence[FetchOutcome], prefix: str = "") -> Reply:
    """The answer, in the order of the addresses; files are stored at addresses below the prefix."""
    pairs = zip(fetch.addresses, outcomes, strict=True)
    results = [_result(source, outcome, prefix) for source, outcome in pairs]
    return json_reply({"results": results})


def _result(source: Source, outcome: FetchOutcome, prefix: str) -> dict[str, Any]:
    if isinstance(outcome, Failure):
        return {"url": source.url, "error": {"code": outcome.code, "detail": outcome.detail}}
    stored = {"stored": address(source.store, prefix)} if source.store is not None else {}
    return {"url": source.url, **outcome.document(), **stored}
