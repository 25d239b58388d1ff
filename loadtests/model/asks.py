"""What a scenario asks of a server: requests in plain words, before anything was sent."""

from collections.abc import Iterable
from dataclasses import dataclass

JSON = (("Content-Type", "application/json"),)
ETAG = "{etag}"


@dataclass(frozen=True)
class Ask:
    """A request a scenario makes, `weight` times as often as one of weight 1.

    `check` is body, length, status, auto (what two answers have in common) or contains (`contains`
    is in every right answer). `stored` is the path of the served file that the answer must be, `span`
    the part of it, from its first byte to the one after its last. `statuses` are the right ones; without
    them that of the first answer is, a success with a whole body. A header value `{etag}` stands for the
    address's ETag.

    After `cut` bytes of the body the client hangs up; `then` is asked after a right answer; `cold` drops
    the stored file from the page cache after each answer. `upload` says that the body is stored
    under the address, with the ETag that every answer must name.
    """

    weight: int
    method: str
    path: str
    name: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    check: str = "auto"
    contains: bytes = b""
    stored: str | None = None
    statuses: tuple[int, ...] = ()
    span: tuple[int, int | None] = (0, None)
    cut: int | None = None
    then: "Ask | None" = None
    close: bool = False
    cold: bool = False
    upload: bool = False

    @property
    def conditional(self) -> bool:
        """Whether the address's ETag has to be learned before the request can be written."""
        return any(value == ETAG for _, value in self.headers)

    def chain(self) -> "Iterable[Ask]":
        """This request and those that follow it."""
        link: Ask | None = self
        while link is not None:
            yield link
            link = link.then


class Unprepared(Exception):
    """The load cannot begin; `str()` is the sentence that says why."""
