"""Both faces with the names of upstreams resolved from a file: a resolver that a test controls.

`TWINS_TEST_NAMES` is a JSON object of names, each with its answers in the order of the look-ups, the last
for all that follow.
"""

import json
import os
from pathlib import Path
from typing import Any

from shared.origins import Origin

LOOKED_UP: dict[str, int] = {}


def look_up(origin: Origin) -> list[str]:
    if origin.is_ip:
        return [origin.host]
    answers: list[list[str]] = json.loads(Path(os.environ["TWINS_TEST_NAMES"]).read_text()).get(
        origin.host, [[]]
    )
    number = LOOKED_UP.get(origin.host, 0)
    LOOKED_UP[origin.host] = number + 1
    return answers[min(number, len(answers) - 1)]


async def look_up_later(origin: Origin) -> list[str]:
    return look_up(origin)


def __getattr__(name: str) -> Any:
    if name == "wsgi_app":
        from wsgi_app import upstreams
        from wsgi_app.application import make_app

        upstreams.resolve = look_up
        return make_app()
    if name == "asgi_app":
        from asgi_app import upstreams as asgi_upstreams
        from asgi_app.application import make_app as make_asgi_app

        asgi_upstreams.resolve = look_up_later
        return make_asgi_app()
    raise AttributeError(name)
