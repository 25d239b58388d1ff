"""Names in a sentence."""

import pytest

from loadtests.model.words import enumerated


@pytest.mark.parametrize(
    ("names", "told"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_names_are_enumerated_as_in_a_sentence(names: list[str], told: str) -> None:
    assert enumerated(names) == told
