"""A user's cookies, kept and sent back as RFC 6265, 5 has it, for one host (pure)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

_SET_COOKIE = re.compile(rb"(?im)^set-cookie:[ \t]*([^\r\n]*)")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Cookie:
    """One cookie as it was set; `until_s` is when it ends (Unix time), None at the user's end."""

    name: str
    value: str
    domain: str
    path: str | None
    until_s: float | None


def cookies_set(head: bytes, now_s: float) -> Iterator[Cookie]:
    """The cookies that a response's head sets, in order; what sets none is left out (RFC 6265, 5.2)."""
    for line in _SET_COOKIE.finditer(head):
        cookie = parse_cookie(line[1].decode("latin-1"), now_s)
        if cookie is not None:
            yield cookie


def parse_cookie(text: str, now_s: float) -> Cookie | None:
    """The value of a Set-Cookie field; None where a user agent ignores it."""
    if _CONTROLS.search(text):
        return None
    pair, *attributes = text.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip(" \t"):
        return None
    domain, path, until_s, aged = "", None, None, False
    for attribute in attributes:
        key, _, given = (part.strip(" \t") for part in attribute.partition("="))
        match key.lower():
            case "max-age" if re.fullmatch(r"-?[0-9]+", given):
                until_s, aged = now_s + min(int(given[:12]), 10**11), True
            case "expires" if not aged:
                until_s = _date_s(given, until_s)
            case "domain":
                domain = given.lstrip(".").lower()
            case "path":
                path = given if given.startswith("/") else None
    return Cookie(name.strip(" \t"), value.strip(" \t"), domain, path, until_s)


def _date_s(text: str, otherwise: float | None) -> float | None:
    try:
        date = parsedate_to_datetime(text.replace("-", " "))
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return otherwise


def default_path(path: str) -> str:
    """Where a cookie without a path belongs: the folder of the request's path (RFC 6265, 5.1.4)."""
    folder = path.partition("?")[0].rpartition("/")[0]
    return folder if folder.startswith("/") else "/"


def path_matches(path: str, cookie_path: str) -> bool:
    """RFC 6265, 5.1.4."""
    path = path.partition("?")[0]
    return path == cookie_path or (
        path.startswith(cookie_path) and (cookie_path.endswith("/") or path[len(cookie_path)] == "/")
    )


class Jar:
    """The cookies of one user of one host. They are sent over plain HTTP, too, as browsers do on loopback."""

    __slots__ = ("_cookies", "_field", "_host", "_next_s")

    def __init__(self, host: str) -> None:
        self._host = host.lower()
        self._cookies: dict[tuple[str, str], Cookie] = {}
        self._field: bytes | None = b""  # the same for every path, as long as nothing changes
        self._next_s = float("inf")

    def take(self, head: bytes, path: str, now_s: float) -> None:
        """Keep what an answer to a request of `path` sets, and drop what it ends."""
        for cookie in cookies_set(head, now_s):
            if cookie.domain and not self._is_ours(cookie.domain):
                continue
            key = (cookie.name, cookie.path or default_path(path))
            if cookie.until_s is not None and cookie.until_s <= now_s:
                self._cookies.pop(key, None)
            else:
                self._cookies[key] = cookie
            self._settle()

    def _is_ours(self, domain: str) -> bool:
        return self._host == domain or (
            self._host.endswith("." + domain) and re.search(r"[a-z]$", self._host) is not None
        )

    def _settle(self) -> None:
        ends = [cookie.until_s for cookie in self._cookies.values() if cookie.until_s is not None]
        self._next_s = min(ends, default=float("inf"))
        everywhere = all(path == "/" for _, path in self._cookies)
        self._field = self._written("/") if everywhere else None

    @property
    def by_path(self) -> bool:
        """Whether it matters which path a request has."""
        return self._field is None

    def field(self, path: str, now_s: float) -> bytes:
        """The value of the Cookie field for a request of the path; empty where there is none."""
        if self._next_s <= now_s:
            self._cookies = {
                key: cookie
                for key, cookie in self._cookies.items()
                if cookie.until_s is None or cookie.until_s > now_s
            }
            self._settle()
        return self._written(path) if self._field is None else self._field

    def _written(self, path: str) -> bytes:
        """Longer paths come first (RFC 6265, 5.4)."""
        fitting = [(place, c) for (_, place), c in self._cookies.items() if path_matches(path, place)]
        fitting.sort(key=lambda pair: -len(pair[0]))
        return "; ".join(f"{cookie.name}={cookie.value}" for _, cookie in fitting).encode("latin-1")

    def get(self, name: str) -> str | None:
        """The value of a cookie by its name alone."""
        values = [cookie.value for (known, _), cookie in self._cookies.items() if known == name]
        return values[-1] if values else None
