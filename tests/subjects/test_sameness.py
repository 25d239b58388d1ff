"""Two answers to one request: what is a difference, what is a note, and what a plan ignores."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.model import jsonpath
from loadtests.model.sameness import sentence
from loadtests.subjects.own.redaction import HIDDEN
from loadtests.subjects.own.sameness import (
    Asked,
    Twice,
    differences,
    general,
    ignored,
    judge,
    shared_databases,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=True) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def answer(document: Any = None, *, status: int = 200, body: bytes | None = None, **headers: str) -> Asked:
    fields = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Asked(status, fields, json.dumps(document).encode() if body is None else body)


def places(one: Asked, other: Asked, *ignore: str) -> list[str]:
    return [place.place for place in differences(one, other, ignored(ignore)) if not place.note]


@given(JSON)
def test_a_document_is_the_same_as_itself_however_it_is_written(document: Any) -> None:
    one = answer(document)
    written = json.dumps(document, indent=2, sort_keys=True).encode()
    assert places(one, answer(body=written)) == []
    assert all(place.note for place in differences(one, answer(body=written)))


@given(JSON, JSON)
def test_differences_do_not_depend_on_the_side(one: Any, other: Any) -> None:
    there, back = differences(answer(one), answer(other)), differences(answer(other), answer(one))
    assert {(p.place, p.value, p.other) for p in there if not p.note} == {
        (p.place, p.other, p.value) for p in back if not p.note
    }


@given(JSON, JSON)
def test_what_is_ignored_at_each_place_is_no_difference(one: Any, other: Any) -> None:
    found = places(answer(one), answer(other))
    if "$" not in found and len(found) < 50:
        assert places(answer(one), answer(other), *found) == []
        assert places(answer(one), answer(other), *map(general, found)) == []
        assert places(answer(one), answer(other), "$.*", "$[*]") == []


@given(JSON, st.integers(10, 99))
def test_one_changed_value_is_found_at_its_place(document: Any, value: int) -> None:
    def leaves(inner: Any, steps: tuple[jsonpath.Step, ...]) -> list[tuple[jsonpath.Step, ...]]:
        pairs = inner.items() if isinstance(inner, dict) else enumerate(inner)
        return [
            path
            for name, child in pairs
            for path in (
                leaves(child, (*steps, name)) if isinstance(child, dict | list) else [(*steps, name)]
            )
        ]

    if not isinstance(document, dict | list):
        return
    for steps in leaves(document, ()):
        changed = json.loads(json.dumps(document))
        place = changed
        for step in steps[:-1]:
            place = place[step]
        place[steps[-1]] = value
        assert places(answer(document), answer(changed)) == [jsonpath.write(steps)]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, ["$.a"]),
        ({"a": 0}, {"a": False}, ["$.a"]),
        ({"a": None}, {}, ["$.a"]),
        ({"a": "1"}, {"a": 1}, ["$.a"]),
        ([1, 2], [1, 2, 3], ["$[2]"]),
        ({"first name": [{"x": 1}]}, {"first name": [{"x": 2}]}, ["$['first name'][0].x"]),
        ([], {}, ["$"]),
    ],
)
def test_json_is_compared_by_value(one: Any, other: Any, expected: list[str]) -> None:
    assert places(answer(one), answer(other)) == expected


def test_status_headers_and_bytes_are_compared() -> None:
    picture = answer(body=bytes(range(256)), content_type="image/png")
    half = answer(body=bytes(range(128)), content_type="image/png")
    (place,) = differences(picture, half)
    assert place.place == "body"
    assert place.value.startswith("256 bytes, from byte 128 on")
    assert places(picture, half, "body") == []
    assert places(answer({}, status=200), answer({}, status=404)) == ["status"]
    assert places(answer({}, x_a="1"), answer({}, X_b="1")) == ["header:X-b", "header:x-a"]
    assert places(answer({}, x_a="1"), answer({}), "header:X-A") == []
    assert places(answer({}, date="1", server="a"), answer({}, date="2", server="b")) == []
    assert places(answer({}), answer({}, content_type="text/plain")) == ["header:content-type"]


def test_another_order_of_keys_is_a_note() -> None:
    (place,) = differences(answer(body=b'{"a": 1, "b": 2}'), answer(body=b'{"b": 2, "a": 1}'))
    assert place.note
    assert "another order of keys" in place.value
    (place,) = differences(answer(body=b'{"a":1}'), answer(body=b'{"a": 1}'))
    assert place.note
    assert "written otherwise" in place.value


def test_secrets_are_not_shown() -> None:
    one = answer({"token": "s3cret", "user": {"password": "s3cret"}}, set_cookie="sid=s3cret")
    other = answer({"token": "other", "user": {"password": "other"}}, set_cookie="sid=other")
    found = differences(one, other)
    assert {place.value for place in found} == {HIDDEN}
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize("entry", ["id", "header:", "$.a b", "$[", "status", ""])
def test_what_cannot_be_ignored_is_one_sentence(entry: str) -> None:
    with pytest.raises(ValueError, match=r"ignore = |JSON path"):
        ignored([entry])


def asked(*documents: Any) -> Twice:
    first, *second = documents
    return answer(first), answer(second[0] if second else first)


def test_the_servers_are_judged_by_what_is_not_ignored() -> None:
    answers = {
        "a": {("item", 1): asked({"id": 1, "at": 5}, {"id": 1, "at": 6}), ("list", None): asked([1])},
        "b": {("item", 1): asked({"id": 2, "at": 7}, {"id": 2, "at": 8}), ("list", None): asked([1])},
    }
    found = judge("shop", answers, {}, [("a", "b")])
    assert not found.alike
    assert found.proposals == {"item": ["$.at"]}
    assert {(m.server, m.other, m.place) for m in found.mismatches} == {
        ("a", "a", "$.at"),
        ("b", "b", "$.at"),
        ("a", "b", "$.id"),
    }
    assert len(found.between("b", "a")) == 3
    found = judge("shop", answers, {"item": ignored(["$.at"])}, [("a", "b")])
    assert found.proposals == {}
    assert sentence(found) == "shop: not the same work: item (row 1) at $.id: a answers 1, b 2"
    found = judge("shop", answers, {"item": ignored(["$.at", "$.id"])}, [("a", "b")])
    assert found.alike
    assert sentence(found) == "shop: a and b answer alike (2 requests, each asked twice)"


def test_what_was_not_answered_is_not_alike() -> None:
    answers: dict[str, dict[tuple[str, int | None], Twice]] = {
        "a": {("item", None): ("timed out", "timed out")},
        "b": {("item", None): asked(1)},
    }
    found = judge("shop", answers, {}, [("a", "b")])
    assert not found.alike
    assert found.notes == ["item was not answered by a: timed out"]
    assert not judge("shop", {"a": {}, "b": {}}, {}, [("a", "b")]).alike


def test_many_rows_that_differ_in_one_place_are_counted() -> None:
    answers: dict[str, dict[tuple[str, int | None], Twice]] = {
        name: {("item", row): asked({"tags": [{"id": base + row}]}) for row in range(1, 6)}
        for name, base in (("a", 0), ("b", 10))
    }
    found = judge("shop", answers, {}, [("a", "b")])
    assert [m.place for m in found.mismatches] == ["$.tags[*].id"]
    assert list(found.counts.values()) == [5]


def test_one_database_of_both_servers_is_named() -> None:
    url = "postgresql://shop:s3cret@db/shop"
    (told,) = shared_databases(
        {"a": {"DB": url, "X": "1"}, "b": {"DB": url, "X": "1"}, "c": {"DB": url + "2"}}
    )
    assert told.startswith("a and b use one database (DB)")
    assert "s3cret" not in told
