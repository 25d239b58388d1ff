"""Placeholders, JSON paths and cookies: what anyone may write into a plan, and any server may send."""

import json
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.model import jsonpath
from loadtests.model.cookies import Jar, parse_cookie, path_matches
from loadtests.model.placeholders import Hole, fill, names, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("plain", ("plain",)),
        ("{port}", (Hole("port"),)),
        ("a{b}c{d_1}", ("a", Hole("b"), "c", Hole("d_1"))),
        ("{{name}}", ("{name}",)),
        ("{{{name}}}", ("{{name}}",)),
        ("{Name} {} {1} ${A} {a-b} { a }", ("{Name} {} {1} ${A} {a-b} { a }",)),
        ('{"a":{"b":1}}', ('{"a":{"b":1}}',)),
        ("awk '{{ print }}'", ("awk '{{ print }}'",)),
        ("}} {{", ("}} {{",)),
    ],
)
def test_a_brace_counts_only_around_a_name(text: str, parts: tuple[Any, ...]) -> None:
    assert parse(text) == parts


@given(st.text(st.sampled_from("{}ab_1 \"':")))
def test_any_text_is_read_and_filled(text: str) -> None:
    found = names(text)
    assert fill(text, dict.fromkeys(found, "")) == "".join(
        part for part in parse(text) if isinstance(part, str)
    )
    if "{{" not in text and not found:
        assert fill(text, {}) == text


@given(st.text(st.characters(exclude_characters="{}")), st.text())
def test_values_are_put_in_as_they_are(text: str, value: str) -> None:
    assert fill(f"{text}{{a}}{text}{{b}}", {"a": value, "b": "{a}"}) == text + value + text + "{a}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def places(document: Any, steps: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if not isinstance(document, dict | list):
        return [(steps, document)]
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    deeper = [place for key, value in inner for place in places(value, (*steps, key))]
    return [(steps, document), *deeper]


@given(JSON)
def test_every_place_of_a_document_has_a_path_that_leads_there(document: Any) -> None:
    for steps, value in places(document):
        text = jsonpath.write(steps)
        assert jsonpath.parse(text) == steps
        assert jsonpath.value(document, jsonpath.parse(text)) == value
        double = "$" + "".join(f"[{json.dumps(step)}]" for step in steps)
        assert jsonpath.parse(double) == steps


@given(st.text(st.sampled_from("$.[]'\"*a0-1\\ né"), max_size=12))
def test_any_text_is_a_path_or_one_sentence(text: str) -> None:
    try:
        steps = jsonpath.parse(text, wildcards=True)
    except ValueError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
    else:
        assert jsonpath.parse(jsonpath.write(steps), wildcards=True) == steps


def test_wildcards_lead_to_all_and_are_refused_where_one_value_is_meant() -> None:
    document = {"items": [{"id": 1}, {"id": 2}, {}], "n": 3}
    assert list(jsonpath.values(document, jsonpath.parse("$.items[*].id", wildcards=True))) == [1, 2]
    assert list(jsonpath.values(document, jsonpath.parse("$.*", wildcards=True))) == [document["items"], 3]
    assert list(jsonpath.values(document, jsonpath.parse("$.none[*]", wildcards=True))) == []
    assert jsonpath.value(document, jsonpath.parse("$.items[-2]['id']")) == 2
    with pytest.raises(ValueError, match="leads to many values"):
        jsonpath.parse("$.items[*].id")
    for wrong in ("$.n.x", "$.items.id", "$.items[3]", "$['']", "$.n[0]"):
        with pytest.raises(LookupError):
            jsonpath.value(document, jsonpath.parse(wrong))


TOKENS = st.text(st.sampled_from("abcXYZ019-_."), min_size=1, max_size=8)


@given(TOKENS, TOKENS, st.integers(-10, 10**6), st.sampled_from(["", "/", "/a", "/a/b"]), st.booleans())
def test_what_the_standard_library_sets_is_kept(
    name: str, value: str, age: int, path: str, secure: bool
) -> None:
    made = SimpleCookie()
    made[name] = value
    made[name]["max-age"] = age
    made[name]["path"] = path
    made[name]["secure"] = secure
    cookie = parse_cookie(made[name].OutputString(), 1000.0)
    assert cookie is not None
    assert (cookie.name, cookie.value, cookie.path) == (name, value, path or None)
    assert cookie.until_s == 1000.0 + age


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_line_is_a_cookie_or_none(text: str) -> None:
    jar = Jar("127.0.0.1")
    jar.take(b"HTTP/1.1 200 OK\r\nSet-Cookie: " + text.encode("latin-1") + b"\r\n\r\n", "/", 0.0)
    assert b"\r" not in jar.field("/", 0.0)
    assert b"\n" not in jar.field("/", 0.0)


def test_cookies_live_where_and_as_long_as_they_were_set_for() -> None:
    jar = Jar("shop.example")

    def given(*lines: str, path: str = "/shop/login") -> None:
        jar.take(
            ("HTTP/1.1 200 OK\r\n" + "".join(f"set-cookie: {line}\r\n" for line in lines) + "\r\n").encode(),
            path,
            0,
        )

    given(
        "a=1; Path=/",
        "b=2",
        "c=3; Path=/shop; Max-Age=10",
        "d=4; Domain=other.example",
        "e=5; Domain=.example",
    )
    assert jar.field("/", 0) == b"a=1"
    assert jar.field("/shop/items?x", 1) == b"b=2; c=3; e=5; a=1"
    assert jar.field("/shop/items", 11) == b"b=2; e=5; a=1"
    assert (jar.get("a"), jar.get("d"), jar.get("none")) == ("1", None, None)
    given("a=; Path=/; Max-Age=0", "e=; Max-Age=-1", "b=7; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
    assert jar.field("/shop/items", 12) == b""
    given(
        "x=1; Expires=Wed, 21-Oct-2099 07:28:00 GMT; Path=/", "=nameless", "no pair", "y=a=b; Path=nonsense"
    )
    assert jar.field("/shop/items", 12) == b"y=a=b; x=1"


def test_a_cookies_path_is_a_folder() -> None:
    assert path_matches("/a/b?x", "/a")
    assert path_matches("/a/", "/a/")
    assert not path_matches("/ab", "/a")
    assert not path_matches("/", "/a")
