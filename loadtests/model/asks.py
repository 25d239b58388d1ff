"""What a scenario asks of a server: requests in plain words, before anything was sent."""

import re
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

    def words(self) -> str:
        """`GET of a 1 KiB file`, `POST /process wait 50`: for a reader who was not there."""
        if self.stored is None:
            return f"{self.method} {self.name}"
        size = re.search(r"(?<!\d)(\d+)(B|KiB|MiB|GiB)(?![A-Za-z])", self.stored.rpartition("/")[2])
        text = f"{self.method} of {f'a {size[1]} {size[2]} file' if size else self.stored}"
        marks = (
            (self.conditional, "that did not change"),
            (any(name.lower() == "range" for name, _ in self.headers), "in part"),
            (self.cut is not None, "cut off and resumed"),
            (self.cold, "from the disk"),
            (self.close, "on a new connection"),
        )
        return " ".join([text, *(mark for holds, mark in marks if holds)])

    def chain(self) -> "Iterable[Ask]":
        """This request and those that follow it."""
        link: Ask | None = self
        while link is not None:
            yield link
            link = link.then


class Unprepared(Exception):
    """The load cannot begin; `str()` is the sentence that says why."""
