"""Each self-check on samples made for it: what is ok, what is not, what cannot be known."""

from typing import Any

import numpy as np
import pytest

from loadtests.background.control import BACKGROUND
from loadtests.checks.check import Rule
from loadtests.checks.failures import TIMES
from loadtests.checks.soundness import cell_state, self_checks
from loadtests.lab.companions import hits_rule
from loadtests.load.cold import COLD_CACHE
from loadtests.model.counters import Slot
from loadtests.model.records import BackgroundDocument, Check, GeneratorDocument
from loadtests.model.samples import CENSORED, DROPPED, KINDS, OK, SAMPLE, Samples
from loadtests.subjects.twins.scenarios.upstreams import UPSTREAM


def document(**changes: Any) -> GeneratorDocument:
    quiet = {"p50": 50.0, "p99": 500.0, "max": 900.0}
    fields: dict[str, Any] = {
        "scenario": "get",
        "parameters": {"think_ms": 0.0},
        "client": "wire",
        "connections": "keepalive",
        "arrivals": "closed",
        "users": 4,
        "rate_per_s": None,
        "seed": 1,
        "loop": "epoll",
        "python": "3.11",
        "locust": "2.47",
        "zero_unix_s": 0.0,
        "warmup_us": 1_000_000,
        "warmup_max_us": 2_000_000,
        "warmup_end": "steady",
        "measure_us": 11_000_000,
        "end_us": 11_000_000,
        "names": ["/"],
        "due": 4_400,
        "sent": 4_402,
        "prepared": 2,
        "cpu_user_s": 1.0,
        "cpu_system_s": 1.0,
        "cpu_measure_share": 0.3,
        "run_queue_share": 0.01,
        "loop_lag_us": quiet,
        "send_lateness_us": quiet,
    }
    return GeneratorDocument(**(fields | changes))


def closed_loop() -> Samples:
    """Four users, 10 ms a request, from zero to eleven seconds."""
    samples = np.zeros(4_400, dtype=SAMPLE)
    samples["due_us"] = np.repeat(np.arange(1_100) * 10_000, 4)
    samples["user"] = np.tile([1, 2, 3, 4], 1_100)
    samples["last_byte_us"] = 10_000
    samples["status"] = 200
    samples["phase"] = samples["due_us"] >= 1_000_000
    return samples


def judged(
    samples: Samples, of: GeneratorDocument, count: int | None = 4_402, **known: Any
) -> dict[str, Check]:
    found = self_checks(of, samples, server_count=count, ceiling=known.pop("ceiling", None), **known)
    return {check.name: check for check in found}


def test_a_sound_cell() -> None:
    found = judged(closed_loop(), document(), slots=8, server_cpu_share=0.5)
    assert {name for name, check in found.items() if check.status != "ok"} == {"ceiling"}
    assert found["ceiling"].status == "not available"
    assert found["Little's law"].figure == pytest.approx(0, abs=1e-9)
    assert all(not check.advice for check in found.values() if check.status == "ok")
    assert cell_state(list(found.values())) == ("unsaturated", None)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        ({"slots": 4}, "server-limited"),
        ({"slots": 5}, "server-limited"),
        ({"slots": 6}, "unsaturated"),
        ({"server_cpu_share": 0.97}, "server-limited"),
        ({}, "server-limited"),
    ],
)
def test_what_is_pressed_is_server_limited(known: dict[str, Any], state: str) -> None:
    assert cell_state(list(judged(closed_loop(), document(), **known).values())) == (state, None)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"cpu_measure_share": 0.95}, "generator CPU"),
        ({"run_queue_share": 0.5}, "run queue"),
        ({"loop_lag_us": {"p50": 1.0, "p99": 50_000.0, "max": 60_000.0}}, "loop lag"),
        ({"send_lateness_us": {"p50": 1.0, "p99": 9_000.0, "max": 9_000.0}}, "send lateness"),
    ],
)
def test_a_generator_at_its_limit_gives_a_lower_bound(changes: dict[str, Any], name: str) -> None:
    found = judged(closed_loop(), document(**changes))
    assert found[name].status == "failed"
    assert found[name].advice
    state, reason = cell_state(list(found.values()))
    assert state == "generator-limited"
    assert str(reason).startswith(name)


@pytest.mark.parametrize(
    ("name", "field", "limit"),
    [
        ("generator CPU", "cpu_measure_share", 0.90),
        ("run queue", "run_queue_share", 0.10),
        ("loop lag", "loop_lag_us", 20_000.0),
        ("send lateness", "send_lateness_us", 5_000.0),
    ],
)
def test_a_generator_is_sound_up_to_the_limit(name: str, field: str, limit: float) -> None:
    for figure, status in ((limit, "ok"), (limit * 1.01, "failed")):
        value = {"p50": 1.0, "p99": figure, "max": figure} if field.endswith("_us") else figure
        assert judged(closed_loop(), document(**{field: value}))[name].status == status


def test_what_makes_a_cell_invalid_goes_before_a_lower_bound() -> None:
    found = judged(closed_loop(), document(cpu_measure_share=0.95), 9_999)
    assert cell_state(list(found.values()))[0] == "invalid"


@pytest.mark.parametrize("rule", [BACKGROUND, COLD_CACHE, hits_rule(UPSTREAM, 0)])
def test_a_condition_that_did_not_hold_makes_the_cell_invalid(rule: Rule) -> None:
    name, failed = rule.name, rule.judged("failed", 1.0, "why")
    state, reason = cell_state(list(judged(closed_loop(), document(conditions=[failed])).values()))
    assert (state, reason) == ("invalid", f"{name}: why")


def test_what_was_not_recorded_is_not_available() -> None:
    none = {"p50": None, "p99": None, "max": None}
    of = document(cpu_measure_share=None, run_queue_share=None, loop_lag_us=none, send_lateness_us=none)
    found = judged(closed_loop(), of, None)
    for name in ("generator CPU", "run queue", "loop lag", "send lateness", "request count"):
        assert found[name].status == "not available"
        assert found[name].figure is None


def test_one_short_stop_is_a_warning() -> None:
    found = judged(closed_loop(), document(loop_lag_us={"p50": 1.0, "p99": 900.0, "max": 300_000.0}))
    assert found["loop lag"].status == "warning"
    assert "300 ms" in found["loop lag"].advice


@pytest.mark.parametrize(
    ("wrong", "status"), [(1, "warning"), (4, "warning"), (5, "failed"), (4_400, "failed")]
)
def test_failures_are_a_warning_up_to_one_in_a_thousand(wrong: int, status: str) -> None:
    samples = closed_loop()
    samples["kind"][-wrong:] = KINDS.index("body")
    found = judged(samples, document())
    assert found["answers"].status == status
    assert f"{min(wrong, 4_000):,} {TIMES} other bytes" in found["answers"].advice
    assert (cell_state(list(found.values()))[0] == "invalid") == (status == "failed")


def test_no_request_at_all_is_invalid() -> None:
    found = judged(np.empty(0, dtype=SAMPLE), document(), None)
    assert cell_state(list(found.values()))[0] == "invalid"
    assert found["answers"].advice.endswith("; measure longer")


def test_requests_of_the_warmup_that_nobody_answers_are_told_of() -> None:
    samples = closed_loop()[:4]
    samples["kind"] = CENSORED
    samples["last_byte_us"] = 11_000_000
    found = judged(samples, document(), None)
    assert cell_state(list(found.values()))[0] == "invalid"
    assert found["answers"].advice.endswith("; 4 from before were not answered in all that time")


def test_a_cell_without_a_single_success_is_invalid() -> None:
    samples = closed_loop()
    samples["kind"] = CENSORED
    found = judged(samples, document())
    assert (found["answers"].status, found["answers"].figure) == ("failed", 1.0)
    assert cell_state(list(found.values()))[0] == "invalid"


@pytest.mark.parametrize(
    ("count", "broken", "status"),
    [(4_402, 0, "ok"), (4_400, 0, "failed"), (4_400, 2, "ok"), (4_403, 2, "failed")],
)
def test_only_what_broke_on_the_way_may_be_missing(count: int, broken: int, status: str) -> None:
    samples = closed_loop()
    samples["kind"][:broken] = KINDS.index("reset")
    assert judged(samples, document(), count)["request count"].status == status


def test_requests_in_the_background_are_counted_too() -> None:
    beside = BackgroundDocument(kind="readers", count=2, ready_s=0.1, sent=10, completed=9)
    for count, status in ((4_412, "ok"), (4_411, "ok"), (4_410, "failed"), (4_402, "failed")):
        assert judged(closed_loop(), document(background=[beside]), count)["request count"].status == status


def test_littles_law_notices_requests_that_are_missing() -> None:
    samples = closed_loop()
    found = judged(samples[::2], document(users=2), None)
    assert found["Little's law"].status == "ok", "two of four users are two users"
    found = judged(samples[np.arange(len(samples)) % 8 < 4], document(), None)
    assert found["Little's law"].status == "failed", "half the requests of each user are not"
    assert cell_state(list(found.values()))[0] == "invalid"


def test_littles_law_leaves_out_the_time_to_think() -> None:
    samples = closed_loop()
    samples["due_us"] = np.repeat(np.arange(550) * 20_000, 8)
    samples["user"] = np.tile(np.arange(8), 550)
    samples["phase"] = samples["due_us"] >= 1_000_000
    found = judged(samples, document(users=8, parameters={"think_ms": 10.0}), None)
    assert found["Little's law"].figure == pytest.approx(0, abs=1e-9), "half of eight users are busy"


@pytest.mark.parametrize(("second_ms", "status"), [(10.0, "ok"), (0.0, "not available")])
def test_littles_law_leaves_out_the_time_to_think_of_several_scenarios(second_ms: float, status: str) -> None:
    samples = closed_loop()
    samples["due_us"] = np.repeat(np.arange(1_100) * 10_000, 4)
    samples["user"] = np.arange(len(samples)) % 8
    parameters = {"download-small": {"think_ms": 10.0}, "download-large": {"think_ms": second_ms}}
    found = judged(samples, document(users=8, parameters=parameters))["Little's law"]
    assert found.status == status, found


def test_littles_law_leaves_out_the_time_in_which_a_request_was_prepared() -> None:
    samples = closed_loop()
    samples["due_us"] = np.repeat(np.arange(550) * 20_000, 8)
    samples["user"] = np.tile(np.arange(8), 550)
    samples["phase"] = samples["due_us"] >= 1_000_000
    found = judged(samples, document(users=8, between_s=40.0), None)
    assert found["Little's law"].figure == pytest.approx(0, abs=1e-9), "four of eight users for ten seconds"


def test_littles_law_of_the_open_loop_leaves_out_the_time_until_it_was_taken_up() -> None:
    samples = closed_loop()
    samples["dequeued_us"] = 2_000
    found = judged(samples, document(arrivals="constant", rate_per_s=400.0, in_flight_mean=3.2))
    assert found["Little's law"].figure == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("counted", "status"),
    [
        (4.1, "ok"),
        (4.4, "ok"),
        (4.5, "warning"),
        (3.6, "warning"),
        (2.0, "warning"),
        (None, "not available"),
    ],
)
def test_littles_law_of_the_open_loop_is_held_to_what_was_counted(counted: float | None, status: str) -> None:
    of = document(arrivals="constant", rate_per_s=400.0, in_flight_mean=counted)
    found = judged(closed_loop(), of)
    assert found["Little's law"].status == status
    assert cell_state(list(found.values()))[0] == "unsaturated"


def test_dropped_arrivals_and_arrivals_sent_in_the_drain_lower_the_send_rate() -> None:
    samples = closed_loop()
    samples["user"] = 0
    of = document(arrivals="constant", rate_per_s=400.0)
    assert judged(samples, of)["send rate"].figure == 1.0
    samples["kind"][-200:] = DROPPED
    assert judged(samples, of)["send rate"].figure == pytest.approx(0.95)
    samples["kind"] = OK
    samples["dequeued_us"][-400:] = samples["sent_us"][-400:] = 2_000_000
    samples["last_byte_us"][-400:] = 2_010_000
    found = judged(samples, of)
    assert found["send rate"].figure == pytest.approx(0.9)
    assert cell_state(list(found.values()))[0] == "generator-limited"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "server-limited"),
        ({"cpu_measure_share": 0.95}, "generator-limited"),
        ({"run_queue_share": 0.5}, "generator-limited"),
        ({"loop_lag_us": {"p50": 1.0, "p99": 50_000.0, "max": 60_000.0}}, "generator-limited"),
        ({"run_queue_share": None}, "generator-limited"),
    ],
)
def test_arrivals_dropped_by_a_healthy_generator_are_the_servers_limit(
    changes: dict[str, Any], state: str
) -> None:
    samples = closed_loop()
    samples["user"] = 0
    samples["kind"][1_000:] = np.where(np.arange(3_400) % 4, OK, DROPPED)
    of = document(arrivals="constant", rate_per_s=400.0, **changes)
    found = judged(samples, of, slots=8)
    assert found["send rate"].figure == pytest.approx(0.79, abs=0.01)
    assert found["send rate"].status == ("warning" if state == "server-limited" else "failed")
    assert ("above what it can do" in found["send rate"].advice) == (state == "server-limited")
    assert cell_state(list(found.values()))[0] == state


def test_a_few_dropped_arrivals_press_the_server_enough() -> None:
    samples = closed_loop()
    samples["kind"][-60:] = DROPPED  # 1.5 %
    found = judged(samples, document(arrivals="constant", rate_per_s=400.0), slots=8)
    assert cell_state(list(found.values()))[0] == "server-limited"


def test_an_open_loop_that_falls_behind_is_server_limited() -> None:
    samples = closed_loop()
    of = document(arrivals="constant", rate_per_s=400.0)
    assert cell_state(list(judged(samples, of).values()))[0] == "unsaturated"
    samples["last_byte_us"] = 10_000 + np.arange(len(samples)) * 500
    assert cell_state(list(judged(samples, of).values()))[0] == "server-limited"


def test_unfinished_requests_and_a_drift_are_warnings() -> None:
    samples = closed_loop()
    samples["kind"][-1:] = CENSORED
    found = judged(samples, document())
    assert (found["unfinished"].status, found["unfinished"].figure) == ("warning", 1)
    for fewer, status in ((350, "ok"), (400, "warning"), (1_000, "warning")):  # of 2,000 in the second half
        found = judged(closed_loop()[:-fewer], document())
        assert found["steady state"].status == status


def test_above_half_the_ceiling_is_a_warning() -> None:
    for most, status in ((900, "ok"), (700, "warning")):
        found = judged(closed_loop(), document(), ceiling={"ceiling_requests_per_s": most})
        assert found["ceiling"].status == status
    assert found["ceiling"].figure == pytest.approx(400 / 700)
    samples = closed_loop()
    samples["received_bytes"] = 1_000
    known = {"ceiling_requests_per_s": 900, "ceiling_bytes_per_s": 700_000}
    found = judged(samples, document(), ceiling=known)
    assert found["ceiling"].status == "warning"
    assert found["ceiling"].figure == pytest.approx(400 / 700)


def test_a_lost_locust_worker_makes_the_cell_invalid() -> None:
    found = judged(closed_loop(), document(locust_workers=3, lost_locust_workers=1))
    assert cell_state(list(found.values()))[0] == "invalid"


def test_failures_have_names_and_the_plan_decides_how_many_are_too_many() -> None:
    samples = closed_loop()
    samples["name"][1::2] = 1
    for place, (kind, status) in {
        1_001: ("status", 500),
        1_003: ("status", 500),
        2_000: ("reset", 0),
    }.items():
        samples["kind"][place], samples["status"][place] = KINDS.index(kind), status
    of = document(names=["item", "order"])
    found = judged(samples, of, error_share=0.001)["answers"]
    assert (found.status, found.limit) == ("warning", 0.001)
    where = "(item: 1 of 2,000, order: 2 of 2,000)"
    assert found.advice == f"3 of 4,000 failed: 2 {TIMES} HTTP 500, 1 {TIMES} reset {where}"
    found = judged(samples, of, error_share=0.0005)["answers"]
    assert (found.status, found.limit, found.consequence) == ("failed", 0.0005, "invalid")
    samples["kind"], samples["status"], samples["name"] = KINDS.index("status"), 302, 0
    assert judged(samples, document())["answers"].advice == f"4,000 of 4,000 failed: 4,000 {TIMES} HTTP 302"


def test_a_server_that_leaves_users_without_an_answer_is_invalid() -> None:
    samples = closed_loop()
    assert judged(samples, document())["users' shares"].figure == 1.0
    unserved = samples["user"] > 2
    waiting = samples[unserved][:2]
    waiting["last_byte_us"], waiting["kind"], waiting["phase"] = 11_000_000, CENSORED, 0
    left = np.concatenate([samples[~unserved], waiting])
    found = judged(left, document())
    state, reason = cell_state(list(found.values()))
    assert state == "invalid"
    assert reason is not None
    assert "2 of 4 users got no answer while measured, the others 1,000 each" in reason


@pytest.mark.parametrize(("kept", "status"), [(700, "ok"), (300, "warning"), (20, "failed")])
def test_each_users_share_of_the_answers_is_judged(kept: int, status: str) -> None:
    samples = closed_loop()
    theirs = np.flatnonzero(samples["user"] == 4)
    found = judged(np.delete(samples, theirs[100 + kept :]), document())["users' shares"]
    assert found.status == status


def test_shares_are_not_told_where_they_cannot_be() -> None:
    assert judged(closed_loop(), document(arrivals="constant"))["users' shares"].status == "not available"
    several = document(parameters={"get": {"think_ms": 0}, "jobs": {"think_ms": 0}})
    assert judged(closed_loop(), several)["users' shares"].status == "not available"
    few = closed_loop()
    few = few[few["due_us"] > 10_950_000]
    assert judged(few, document())["users' shares"].status == "not available"


def test_a_generator_among_the_servers_processors_may_take_a_tenth_and_its_waits_warn() -> None:
    waits = document(run_queue_share=0.3, cpu_measure_share=0.19)
    shared = judged(closed_loop(), waits, shared_processors=2, slots=8)
    assert (shared["generator share"].status, shared["generator share"].figure) == ("ok", 0.095)
    assert shared["run queue"].status == "warning"
    assert cell_state(list(shared.values()))[0] == "unsaturated"
    greedy = judged(closed_loop(), document(cpu_measure_share=0.21), shared_processors=2, slots=8)
    state, reason = cell_state(list(greedy.values()))
    assert state == "generator-limited"
    assert reason is not None
    assert "took 10 % of the 2 processors that it shares" in reason


@pytest.mark.parametrize(
    ("counted", "processes", "status", "figure"),
    [
        ([84, 16], 2, "warning", 0.84),
        ([58, 42], 2, "ok", 0.58),
        ([100, 0], 2, "warning", 1.0),
        ([100], 2, "warning", 1.0),  # the other one has never claimed a slot
        ([2, 1], 2, "not available", None),
        ([0, 0], 2, "not available", None),
        (None, 2, "not available", None),
    ],
)
def test_the_busiest_process(
    counted: list[int] | None, processes: int, status: str, figure: float | None
) -> None:
    slots = None if counted is None else [Slot(7 + n, requests) for n, requests in enumerate(counted)]
    check = judged(closed_loop(), document(), counted=slots, processes=processes)["balance"]
    assert (check.status, check.figure, check.limit) == (status, figure, 0.625)


def test_one_process_has_no_balance() -> None:
    assert "balance" not in judged(closed_loop(), document(), counted=[Slot(1, 9)], processes=1)
