"""The ASGI face: FastAPI finds the handler, `shared` decides, this package performs the one effect.

`app` is made on first access (PEP 562), so that nothing is built before the server forks.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    app: FastAPI


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from asgi_app.application import make_app

    globals()["app"] = made = make_app()
    return made
