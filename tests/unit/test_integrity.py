"""Digest fields as RFC 9651 has structured dictionaries and RFC 9530 their members."""

from base64 import b64encode

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.integrity import ALGORITHMS, read_digests

digests = st.binary(max_size=70)
keys = st.one_of(
    st.sampled_from([*ALGORITHMS, "md5", "sha"]), st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
)
strings = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
parameters = st.dictionaries(
    keys, st.one_of(st.booleans(), st.integers(-99, 99), strings, digests), max_size=3
)
members = st.dictionaries(keys, st.tuples(digests, parameters), min_size=1, max_size=5)


@given(members)
def test_what_is_written_is_read(written: dict[str, tuple[bytes, dict[str, object]]]) -> None:
    field = http_sf.ser(written)  # type: ignore[arg-type]  # a dictionary of items with parameters
    assert read_digests("Content-Digest", field) == {
        key: digest for key, (digest, _) in written.items() if key in ALGORITHMS
    }


@given(
    st.lists(st.tuples(keys, digests, st.booleans(), st.sampled_from([",", " , ", "\t,", ",  "])), min_size=1)
)
def test_padding_blanks_and_repetition(pieces: list[tuple[str, bytes, bool, str]]) -> None:
    field, expected = "", {}
    for number, (key, digest, padded, comma) in enumerate(pieces):
        text = b64encode(digest).decode()
        field += (comma if number else " ") + f"{key}=:{text if padded else text.rstrip('=')}:"
        if key in ALGORITHMS:
            expected[key] = digest
    assert read_digests("Content-Digest", field + "\t ") == expected


@given(st.one_of(st.text(st.characters(codec="latin-1")), st.text(alphabet='sha-256=:?;,"()@% AZ19+/_*\t')))
def test_anything_else_is_refused_in_a_sentence(field: str) -> None:
    try:
        found = read_digests("Repr-Digest", field)
    except BadRequest as refusal:
        detail, found = refusal.detail, {}
    else:
        detail = "Repr-Digest is read."
    assert (detail.startswith("Repr-Digest "), detail[-1]) == (True, ".")
    assert found.keys() <= ALGORITHMS.keys()


@pytest.mark.parametrize("value", ["17", "?1", "token", '"text"', "(:AA:)", "@17", '%"text"'])
def test_only_byte_sequences_are_digests(value: str) -> None:
    with pytest.raises(BadRequest, match="byte sequence"):
        read_digests("Content-Digest", f"md5={value}")
