"""Hooks of schemathesis: a wait that may be asked for is asked for in hundredths of it.

Ten seconds each are nearly all of the time that 200 examples an operation would take. What may not be asked
for stays as it is.
"""

from typing import Any

import schemathesis

from shared.settings import MAX_WAIT_MS


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Any, kwargs: dict[str, Any]) -> None:
    shorten(case.body)


def shorten(value: object) -> None:
    """Divide every `duration_ms` in a JSON value, where it may be asked for."""
    if isinstance(value, dict):
        duration = value.get("duration_ms")
        if type(duration) is int and 0 <= duration <= MAX_WAIT_MS:
            value["duration_ms"] = duration // 100
        for member in value.values():
            shorten(member)
    elif isinstance(value, list):
        for member in value:
            shorten(member)
