"""The shop's one call to another service, as blocking code makes it."""

from http.client import HTTPException
from urllib.request import urlopen

from .core import stock_address


def asked(number: str) -> bytes | None:
    """The upstream's answer; None where there is none."""
    try:
        with urlopen(stock_address(number), timeout=10) as answer:  # noqa: S310 - the address is the test's
            found: bytes = answer.read()
            return found
    except (OSError, ValueError, HTTPException):
        return None
