"""What is told of a server's interpreter, and of the lock that may come on."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.model.interpreters import gil_came_on, interpreter_words, turned_on_by
from shared.interpreter import gil_runs, is_free_threaded

WARNING = (
    "<frozen importlib>:488: RuntimeWarning: The global interpreter lock (GIL) has been enabled to "
    "load module 'brotli._brotli', which has not declared that it can run safely without the GIL.\n"
)
ON, OFF = {"gil": True}, {"gil": False}


def of(version: str, **more: bool) -> dict[str, Any]:
    return {"versions": {"python": version}, **more}


@pytest.mark.parametrize(
    ("health", "module", "words"),
    [
        (of("3.11.2", free_threaded=False, gil=True), None, "Python 3.11.2, a build with GIL"),
        (of("3.13.5", free_threaded=True, gil=False), None, "Python 3.13.5, free-threaded, GIL off"),
        (of("3.13.5", free_threaded=True, gil=True), None, "Python 3.13.5, free-threaded, GIL on"),
        (
            of("3.13.5", free_threaded=True, gil=True),
            "_brotli",
            "Python 3.13.5, free-threaded, GIL on, turned on by the module _brotli",
        ),
        (of("3.11.2"), None, "Python 3.11.2"),
        ({"versions": "3.11"}, None, None),
        ({}, "_brotli", None),
    ],
)
def test_an_interpreter_in_words(health: dict[str, Any], module: str | None, words: str | None) -> None:
    assert interpreter_words(health, module) == words


@given(before=st.text(), after=st.text())
def test_the_module_is_named_wherever_the_warning_stands(before: str, after: str) -> None:
    assert turned_on_by(before + WARNING + after) == "brotli._brotli"


@pytest.mark.parametrize(
    ("before", "after", "module_before", "module", "told"),
    [
        (OFF, ON, None, "a", "the GIL came on while the server was measured: the module a turned it on"),
        (OFF, ON, None, None, "the GIL came on while the server was measured"),
        ({}, None, None, "a", "the GIL came on while the server was measured: the module a turned it on"),
        (OFF, OFF, None, None, None),
        (OFF, None, None, None, None),
        (ON, ON, "a", "a", None),
        ({}, {}, None, None, None),
    ],
)
def test_a_lock_that_came_on_midway(
    before: dict[str, Any],
    after: dict[str, Any] | None,
    module_before: str | None,
    module: str | None,
    told: str | None,
) -> None:
    assert gil_came_on(before, after, module_before, module) == told


def test_this_interpreter() -> None:
    assert is_free_threaded() == ("free-threading" in sys.version)
    assert gil_runs() or is_free_threaded()
