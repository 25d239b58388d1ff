"""The document of the contract, against the code that it is about."""

import json
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # ships no types

from shared.catalogue import NAME_PATTERN, check_name
from shared.contract import contract
from shared.errors import ServiceError
from shared.integrity import FIELD_PATTERN, read_digests
from shared.jobs import CURSOR_PATTERN as JOB_CURSOR_PATTERN
from shared.jobs import read_cursor as read_job_cursor
from shared.listing import CURSOR_PATTERN, read_cursor
from shared.operations import read_work

CONTRACT = contract()


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": CONTRACT["components"]}
    )


def takes(function: Any, *arguments: Any) -> bool:
    try:
        function(*arguments)
    except ServiceError:
        return False
    return True


PARTS = ["", ".", "..", ".twins-uploads", ".a", "a", "...", "\\", "ü" * 63, "a" * 255]
names = st.lists(
    st.one_of(
        st.sampled_from(["", ".", "..", ".twins-uploads", ".a", "a", "...", "\\", "ü" * 63, "a" * 255]),
        st.text(max_size=4),
    ),
    max_size=4,
).map("/".join)


@given(names)
def test_names(name: str) -> None:
    assert bool(re.fullmatch(NAME_PATTERN, name)) == takes(check_name, name)


@given(st.one_of(st.from_regex(FIELD_PATTERN, fullmatch=True), st.from_regex(CURSOR_PATTERN, fullmatch=True)))
def test_what_the_patterns_say_is_taken(text: str) -> None:
    if re.fullmatch(CURSOR_PATTERN, text):
        assert takes(read_cursor, text)
    else:
        assert takes(read_digests, "Content-Digest", text)


@given(st.from_regex(JOB_CURSOR_PATTERN, fullmatch=True))
def test_cursors_of_jobs(text: str) -> None:
    assert not text or takes(read_job_cursor, text)


steps = st.fixed_dictionaries(
    {"operation": st.sampled_from(["wait", "digest", "words", "compress", "dance"])},
    optional={
        "path": st.one_of(st.none(), st.just("a")),
        "text": st.one_of(st.none(), st.just("b")),
        "duration_ms": st.sampled_from([0, 1.0, 1.5, 9000, 9001.0, -0.0, 1e300, True, "1"]),
        "level": st.sampled_from([1, 9.0, 9.5, 0]),
        "top": st.sampled_from([1, 1000.0, 261686197.0]),
        "where": st.sampled_from(["inline", "nowhere"]),
    },
)
works = st.one_of(
    steps, st.fixed_dictionaries({"operation": st.just("pipeline"), "steps": st.lists(steps, max_size=9)})
)


@settings(deadline=None)
@given(works)
def test_work(document: dict[str, Any]) -> None:
    """What the document calls right is taken, and nothing else is: `read_work` without its JSON."""
    body = json.dumps(document).encode()
    assert validator("Work").is_valid(document) == takes(read_work, "application/json", body), document


@pytest.mark.parametrize(
    "sources", [{}, {"path": None}, {"path": "a", "text": "b"}, {"text": None, "path": None}]
)
def test_a_text_or_a_path(sources: dict[str, Any]) -> None:
    for operation in ("words", "compress"):
        assert not validator("Work").is_valid({"operation": operation, **sources})
    assert validator("Work").is_valid({"operation": "words", "path": "a", "text": None})
    assert not validator("Work").is_valid({"operation": "digest", "path": ""})
    assert not validator("Fetch").is_valid({"addresses": [{"url": "http://a/", "store": ""}]})
