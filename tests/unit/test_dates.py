"""When a file was modified, told so that no header can be wrong."""

import os
import time
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.dates import SETTLED_S, date_now, modified_s, settled
from shared.entries import describe

times_ns = st.one_of(
    st.integers(-(2**80), 2**80),
    st.sampled_from([253_402_300_800 * 10**9, -1, 0, 2**31 * 10**9, 2**63]),
    st.integers(-3, 3).map(lambda second: time.time_ns() + second * 10**9),
)


def facts_of(modified_ns: int, changed_ns: int) -> os.stat_result:
    numbers = {"st_mtime_ns": modified_ns, "st_ctime_ns": changed_ns}
    return os.stat_result((0o100644, 1, 1, 1, 0, 0, 5, 0, 0, 0), numbers)


@given(times_ns, times_ns)
def test_any_time_becomes_a_date_that_has_come(modified_ns: int, changed_ns: int) -> None:
    facts = facts_of(modified_ns, changed_ns)
    second = modified_s(facts)
    assert 0 <= second <= time.time()
    if 0 <= modified_ns <= changed_ns <= time.time_ns():
        assert second == modified_ns // 10**9
    entry = describe("a", facts, bytes(32))
    assert parsedate_to_datetime(entry.last_modified).timestamp() == second == entry.modified_s


@given(st.integers(0, 2**60), st.integers(-(10**11), 10**11))
def test_a_date_is_strong_a_minute_after_it(modified_ns: int, later_ns: int) -> None:
    assert settled(facts_of(modified_ns, modified_ns + later_ns)) == (later_ns >= SETTLED_S * 10**9)


def test_the_date_is_of_now() -> None:
    before = int(time.time())
    assert before <= parsedate_to_datetime(date_now().decode()).timestamp() <= time.time()
