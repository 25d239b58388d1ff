"""Conditional headers, read as RFC 9110 has them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.conditions import http_date, matches

ETAG = '"abc"'
others = st.text(
    st.characters(codec="latin-1", exclude_characters='"\x7f', min_codepoint=0x21), max_size=6
).filter(lambda text: all(c <= "~" or c >= "\x80" for c in text))
opaque = st.one_of(st.just("abc"), others)  # the tag itself, or a weak one would hardly ever be met


@given(st.lists(st.tuples(st.booleans(), opaque), max_size=6), st.booleans())
def test_a_list_names_the_tag_or_does_not(tags: list[tuple[bool, str]], weak: bool) -> None:
    field = " , ".join(f'{"W/" if is_weak else ""}"{tag}"' for is_weak, tag in tags)
    expected = any(tag == "abc" and (weak or not is_weak) for is_weak, tag in tags)
    assert matches(field, ETAG, weak=weak) == expected


@pytest.mark.parametrize(
    "field", ["abc", '"abc', 'abc"', "'abc'", 'w/"abc"', 'W/ "abc"', "", ",,", '"x""abc"']
)
def test_what_is_no_list_of_tags_matches_nothing(field: str) -> None:
    assert not matches(field, ETAG, weak=True)


def test_a_tag_may_hold_a_comma() -> None:
    assert matches('"a,b", "abc"', ETAG, weak=False)
    assert not matches('"x,"abc"', ETAG, weak=False)


@given(st.integers(0, 4_000_000_000))
def test_dates_in_all_three_forms(second: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert http_date(format_datetime(moment, usegmt=True)) == second
    assert (
        http_date(moment.strftime("%a %b ") + f"{moment.day:2}" + moment.strftime(" %H:%M:%S %Y")) == second
    )
    if 1970 <= moment.year < 2069:
        assert http_date(moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")) == second


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "0",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "x" * 100_000,
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert http_date(text) is None
