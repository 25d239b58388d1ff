"""Rules of HTTP that the load generator and the verification before it share (pure)."""

import re
from collections.abc import Collection
from urllib.parse import quote

WITHOUT_THE_PAGE = (204, 205, 206)


def request_target(path: str) -> str:
    """A path, and a query if there is one, as it may stand in a request (RFC 3986, 3.3 and 3.4).

    What is encoded already stays so; all else that a target cannot hold is percent-encoded as UTF-8.
    """
    lone = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", path)
    return quote(lone, safe="/%:?@!$&'()*+,;=[]~", errors="surrogateescape")


def wrong_status(status: int, asked: Collection[int], location: str = "") -> str:
    """Why an answer of this status is not the one to be measured, as the rest of a sentence; "" where it is.

    Where nobody asked for one, it is a success that brings the whole page: a redirect, a part, or no
    content at all (RFC 9110, 15.3 and 15.4) would be measured in its place.
    """
    if status in asked or (not asked and 200 <= status < 300 and status not in WITHOUT_THE_PAGE):
        return ""
    where = f" to {location}" if location and 300 <= status < 400 else ""
    wanted = " or ".join(map(str, sorted(asked))) if asked else "a success with a whole body"
    return f"answers with status {status}{where}, not {wanted}"
