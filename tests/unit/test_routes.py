"""The addresses of the service stand once: both faces and the contract have those, and no others."""

import re

from asgi_app.application import make_app as make_asgi_app
from shared.contract import contract
from shared.operations import OPERATIONS, WORK
from shared.routes import ROUTES
from wsgi_app.application import make_app as make_wsgi_app

PARAMETER = re.compile(r"<any_path:\w+>|\{\w+(:path)?\}")


def without_names(path: str) -> str:
    return PARAMETER.sub("{}", path)


EXPECTED = {without_names(path): set(methods) for path, methods in ROUTES.items()}


def test_flask_has_exactly_these_routes() -> None:
    routes: dict[str, set[str]] = {}
    for rule in make_wsgi_app().url_map.iter_rules():
        routes.setdefault(without_names(rule.rule), set()).update((rule.methods or set()) - {"OPTIONS"})
    assert routes == EXPECTED


def test_fastapi_has_exactly_these_routes() -> None:
    routes: dict[str, set[str]] = {}
    for route in make_asgi_app().routes:
        routes.setdefault(without_names(route.path), set()).update(route.methods)  # type: ignore[attr-defined]  # API routes all
    assert routes == EXPECTED


def test_the_contract_describes_exactly_these_routes() -> None:
    documented = {
        without_names(path): {method.upper() for method in operations if method != "parameters"}
        for path, operations in contract()["paths"].items()
    }
    for path, methods in EXPECTED.items():  # HEAD is described where it says something of its own
        assert documented[path] | {"HEAD"} == methods | {"HEAD"}, path
    assert documented.keys() == EXPECTED.keys()


def test_the_contract_describes_exactly_these_operations() -> None:
    variants = contract()["components"]["schemas"]["Work"]["discriminator"]["mapping"]
    assert set(variants) == set(OPERATIONS)
    assert WORK.validate_python({"operation": "wait", "duration_ms": 1})
