"""What a log may hold of tokens, cookies and passwords: nothing, and all the rest of its text."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.subjects.own.redaction import HIDDEN, SHORTEST, cleaned, forms, redacted

SECRET = "s3cret/of ann+bob=="  # noqa: S105 - planted


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"'authorization': 'Bearer {SECRET}'",
        f"Set-Cookie: sid={SECRET}; Path=/",
        f"cookie=sid={SECRET}; other=1",
        f'{{"user": "ann", "password": "{SECRET}"}}',
        f"password='{SECRET}'",
        "GET /items?limit=3&api_key=s3cretvalue&after=1 HTTP/1.1",
        "POST /login?token=s3cretvalue",
        "sent Bearer s3cretvalue0123 to the upstream",
    ],
)
def test_what_is_named_a_secret_is_taken_out(text: str) -> None:
    assert "s3cret" not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET /items?limit=3&after=1 HTTP/1.1 200",
        "the shop has run out of memory",
        "Traceback: KeyError: 'price', line 12",
        "INFO: 127.0.0.1:5 - GET /tokens 200 OK",
        "listening at: http://127.0.0.1:8000 (7)",
    ],
)
def test_the_rest_of_a_log_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text(min_size=SHORTEST, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_a_known_value_is_found_in_every_form(value: str, before: str, after: str) -> None:
    hidden = forms([value])
    shapes = [value, quote(value, safe=""), quote_plus(value), base64.b64encode(value.encode()).decode()]
    for shape in shapes:
        if shape not in HIDDEN and shape not in before + after:
            assert shape not in redacted(before + "|" + shape + "|" + after, hidden) or shape in HIDDEN


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5), max_size=3), max_size=4))
def test_a_document_without_a_secret_is_left_as_it_is(document: dict[str, list[str]]) -> None:
    assert cleaned(document, forms([SECRET])) == document
    planted = {"a": [json.loads(json.dumps(document)), SECRET, {SECRET: 1}]}
    assert SECRET not in json.dumps(cleaned(planted, forms([SECRET])))
