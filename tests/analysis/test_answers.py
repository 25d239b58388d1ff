"""Verdicts, explanations, validity and comparisons over whole archives with planted truths."""

import math
from pathlib import Path

import pytest

from loadtests import archive
from loadtests.analysis.differences import Judge, paired
from loadtests.analysis.floors import floor, spreads
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import points
from loadtests.analysis.reading import PoolingError, read
from loadtests.analysis.run_comparison import CompareError
from loadtests.analysis.scaling import SLOTS_BEND
from loadtests.analysis.summary import Summary, against, build
from loadtests.analysis.wording import times
from loadtests.report import write_report
from tests.report.synthetic import Broken, Planted, Run, primary, replace, write

GTHREAD = Planted("wsgi-gthread")
UVICORN = Planted("asgi-uvicorn", slots=None, threads=1, slot_kind="task", capacity_per_s=4000, cpu_ms=0.24)
TWIN = replace(UVICORN, server="asgi-threadpool")
ASKED = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 128),)


def built(tmp_path: Path, **changes: object) -> Summary:
    run = Run(planted=(GTHREAD, UVICORN, TWIN), primaries=ASKED)
    return build([write(tmp_path, replace(run, **changes))])  # type: ignore[arg-type]  # Run's own fields


def test_a_true_factor_is_found_with_its_sentence_and_mechanism(tmp_path: Path) -> None:
    """128 users x 50 ms: at most 2,560/s; 32 threads x 50 ms: at most 640/s."""
    (answer,) = built(tmp_path).answers
    assert answer.verdict == "faster"
    assert answer.ratio is not None
    assert answer.ratio == pytest.approx(4, rel=0.05)
    assert answer.low is not None
    assert answer.high is not None
    assert answer.low < answer.ratio < answer.high
    assert answer.sentence.startswith(f"process-wait, 128 users: asgi-uvicorn serves {times(answer.ratio)}")
    ours, theirs = answer.explanation
    assert "not saturated" in ours
    assert "slots exhausted: 32 threads" in theirs


def test_a_sentence_names_the_means(tmp_path: Path) -> None:
    (answer,) = built(tmp_path, plan={"matched": "as shipped"}).answers
    assert answer.means == "as shipped"
    assert answer.sentence.startswith("process-wait, 128 users, as shipped: asgi-uvicorn serves")


@pytest.mark.parametrize(
    ("slots", "users", "means"),
    [
        (32, 128, "not matched (asgi-uvicorn without a bound, wsgi-gthread 32 threads)"),
        (127, 128, "not matched (asgi-uvicorn without a bound, wsgi-gthread 127 threads)"),
        (128, 128, "capacity-matched"),
        (32, 32, "capacity-matched"),
    ],
)
def test_matched_servers_that_differ_in_slots_say_so(
    slots: int, users: int, means: str, tmp_path: Path
) -> None:
    (answer,) = built(
        tmp_path,
        planted=(replace(GTHREAD, slots=slots), UVICORN),
        users=(users,),
        primaries=(primary("asgi-uvicorn", "wsgi-gthread", "process-wait", users),),
        plan={"matched": "capacity-matched"},
    ).answers
    assert answer.means == means
    assert answer.sentence.startswith(f"process-wait, {users} users, {means}: ")


def test_an_explanation_tells_of_the_blocks_that_the_verdict_rests_on(tmp_path: Path) -> None:
    held_up = Broken("wsgi-gthread", "process-wait", "generator-limited", "no time left", 2, 128)
    (answer,) = built(tmp_path, broken=(held_up,)).answers
    assert answer.blocks == 2
    assert "slots exhausted: 32 threads" in answer.explanation[1]


@pytest.mark.parametrize(("readers", "cause"), [(31, "background"), (30, "slots"), (0, "slots")])
def test_slots_that_clients_in_the_background_hold_are_the_cause(
    readers: int, cause: str, tmp_path: Path
) -> None:
    planted = (replace(GTHREAD, readers=readers), replace(UVICORN, readers=readers))
    told = built(tmp_path, planted=planted).explanations
    assert told["wsgi-gthread/process-wait/u128"].cause == cause
    assert told["asgi-uvicorn/process-wait/u128"].cause == "users", "a task for each of them"
    if readers == 31:
        text = told["wsgi-gthread/process-wait/u128"].text
        assert "slots held: at least 31 clients in the background for 32 threads" in text


@pytest.mark.parametrize(
    ("readers", "failed", "cause"),
    [
        (31, "answers", "background"),
        (30, "answers", "not established"),
        (31, "upstream hits", "not established"),
    ],
)
def test_clients_in_the_background_explain_that_no_other_request_succeeded(
    readers: int, failed: str, cause: str, tmp_path: Path
) -> None:
    planted = (replace(GTHREAD, readers=readers), UVICORN)
    nobody = Broken("wsgi-gthread", "process-wait", "invalid", "nobody was answered", 0, check=failed)
    told = built(tmp_path, planted=planted, broken=(nobody,)).explanations["wsgi-gthread/process-wait/u128"]
    assert told.cause == cause
    assert told.throughput_per_s is None
    held = "slots held: at least 31 clients in the background for 32 threads, and no other request succeeded"
    text = held if cause == "background" else "no sound cell (nobody was answered)"
    assert told.text == f"wsgi-gthread: {text}."


def test_a_queue_for_what_is_neither_slot_nor_core_is_not_called_unsaturated(tmp_path: Path) -> None:
    """As before a blocking call in a coroutine: requests take far longer than the wait that was planted."""
    planted = (GTHREAD, replace(UVICORN, capacity_per_s=100, cpu_ms=0.1))
    told = built(tmp_path, planted=planted).explanations["asgi-uvicorn/process-wait/u128"]
    assert told.cause == "not established"
    assert "more users would get more" not in told.text


def test_throughput_over_threads_and_processes_with_its_bound_and_knee(tmp_path: Path) -> None:
    """Threads of 50 ms each: 20/s a thread, up to the 700/s that the planted server can do."""
    sizes = (1, 2, 4, 8, 16, 32, 64)
    planted = [
        *(Planted(f"wsgi-gthread-t{n}", slots=n, threads=n, capacity_per_s=700) for n in sizes),
        *(Planted(f"wsgi-forked-p{n}", slots=n, processes=n, slot_kind="process") for n in (1, 2, 4, 8)),
        *(Planted(f"asgi-uvicorn-forked-p{n}", slots=None, processes=n, slot_kind="task") for n in (1, 2)),
    ]
    found = {
        curve.server: curve for curve in built(tmp_path, planted=planted, primaries=(), users=(128,)).curves
    }
    threads, processes, loops = (
        found[name] for name in ("wsgi-gthread", "wsgi-forked", "asgi-uvicorn-forked")
    )
    assert (threads.over, [point.n for point in threads.points]) == ("threads", list(sizes))
    assert [point.bound_per_s for point in threads.points] == pytest.approx([20 * n for n in sizes])
    assert (threads.knee, threads.slots) == (32, None)
    assert (processes.over, processes.knee) == ("processes", None)
    assert processes.knee_reason == "none: every level got what it allows"
    assert loops.unfitted == "2 levels are too few: the law needs 4"
    assert {point.bound_per_s for point in loops.points} == {None}


def test_times_are_turned_over(tmp_path: Path) -> None:
    asked = (
        primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 128, "response_p50"),
        primary("wsgi-gthread", "asgi-uvicorn", "process-wait", 128, "response_p99"),
    )
    better, worse = built(tmp_path, primaries=asked).answers
    assert (better.verdict, worse.verdict) == ("faster", "slower")
    assert better.ratio == pytest.approx(4, rel=0.05)
    assert worse.ratio == pytest.approx(1 / 4, rel=0.05)
    assert "wsgi-gthread's p99 response time is" in worse.sentence
    assert worse.confidence == pytest.approx(0.975)


def test_twins_of_one_kind_are_equivalent_or_not_settled(tmp_path: Path) -> None:
    asked = (primary("asgi-uvicorn", "asgi-threadpool", "process-wait", 128),)
    (answer,) = built(tmp_path, primaries=asked, blocks=10).answers
    assert answer.verdict == "equivalent"
    assert answer.cross_check is not None
    one = built(tmp_path / "one", primaries=asked, blocks=1)
    assert one.answers[0].verdict == "inconclusive"
    assert one.answers[0].blocks_needed == 2
    assert any("rests on 1 block" in warning for warning in one.warnings)


def test_an_aa_floor_widens_what_does_not_matter(tmp_path: Path) -> None:
    slow = replace(TWIN, service_s=0.055)
    asked = (primary("asgi-threadpool", "asgi-uvicorn", "process-wait", 128),)
    planted = (UVICORN, slow)
    (found,) = built(tmp_path / "a", planted=planted, primaries=asked, blocks=8).answers
    assert found.verdict == "slower"
    floors = {"throughput": 0.2}
    (quiet,) = built(tmp_path / "b", planted=planted, primaries=asked, blocks=8, aa_floor=floors).answers
    assert (quiet.verdict, quiet.delta) == ("equivalent", 0.2)


def test_the_floor_is_the_farthest_aa_ratio(tmp_path: Path) -> None:
    asked = tuple(primary("asgi-uvicorn", "asgi-threadpool", "process-wait", users) for users in (8, 32, 128))
    found = built(tmp_path, primaries=asked).answers
    farthest = max(abs(math.log(answer.ratio)) for answer in found if answer.ratio)
    assert floor(found) == {"throughput": pytest.approx(math.expm1(farthest))}
    assert {one.confidence for one in spreads(found)} == {1 - 0.05 / 3}, "all three hold at once"


@pytest.mark.parametrize(("block", "verdict", "blocks"), [(0, "invalid", 0), (2, "faster", 2)])
def test_an_invalid_cell_is_left_out_with_its_reason(
    tmp_path: Path, block: int, verdict: str, blocks: int
) -> None:
    broken = Broken("wsgi-gthread", "process-wait", "invalid", "the server died", block)
    summary = built(tmp_path, broken=(broken,))
    (answer,) = summary.answers
    assert (answer.verdict, answer.blocks) == (verdict, blocks)
    assert any("the server died" in reason for reason in answer.reasons)
    assert summary.state == ("invalid" if block == 0 else "warnings")
    if block == 0:
        assert answer.ratio is None
        assert summary.reasons[0].startswith(
            "wsgi-gthread has no sound cell in process-wait: the server died"
        )
        assert "no answer" in answer.sentence


@pytest.mark.parametrize(
    ("limited", "verdict"),
    [
        (("asgi-uvicorn",), "at least"),
        (("wsgi-gthread",), None),  # at most four times as good says nothing
        (("asgi-uvicorn", "wsgi-gthread"), None),
    ],
)
def test_generator_limited_cells_give_a_bound_and_no_verdict(
    tmp_path: Path, limited: tuple[str, ...], verdict: str | None
) -> None:
    broken = [
        Broken(name, "process-wait", "generator-limited", "generator 97 %", block, 128)
        for name in limited
        for block in (1, 2, 3)
    ]
    summary = built(tmp_path, broken=broken)
    (answer,) = summary.answers
    assert (answer.low, answer.high) == (None, None)
    assert answer.verdict == (verdict or "generator-limited")
    assert (answer.ratio is None) == (verdict is None)
    estimate = summary.points[f"{limited[0]}/process-wait/u128"].estimates["throughput"]
    assert estimate is not None
    assert estimate.bound == "at least"
    assert summary.state == "warnings"


def test_a_block_whose_generator_was_held_up_is_left_out(tmp_path: Path) -> None:
    limited = Broken("wsgi-gthread", "process-wait", "generator-limited", "generator 97 %", 1, 128)
    (whole,) = built(tmp_path / "whole").answers
    (answer,) = built(tmp_path / "held up", broken=[limited]).answers
    assert answer.verdict == whole.verdict
    assert answer.blocks == whole.blocks - 1
    assert any("1 of" in reason and "left out" in reason for reason in answer.reasons)
    most = [replace(limited, block=block) for block in (1, 2)]
    (bounded,) = built(tmp_path / "held up mostly", broken=most).answers
    assert (bounded.verdict, bounded.blocks) == ("generator-limited", whole.blocks)


def test_what_a_busy_generator_cannot_blur_is_compared_all_the_same(tmp_path: Path) -> None:
    held_up = Broken("wsgi-gthread", "process-wait", "generator-limited", "generator 97 %", 0, 128)
    cells = built(tmp_path, broken=[held_up]).cells.values()
    ours, theirs = (
        [cell for cell in cells if (cell.server, cell.level.value) == (server, 128)]
        for server in ("asgi-uvicorn", "wsgi-gthread")
    )
    outcomes = {
        name: paired(ours, theirs, METRICS[name], Judge(1, {})).verdict
        for name in ("cpu_ms_per_request", "throughput")
    }
    assert outcomes == {"cpu_ms_per_request": "faster", "throughput": "generator-limited"}


def test_no_verdict_is_given_on_response_times_that_are_lower_bounds(tmp_path: Path) -> None:
    """Arrivals that a server leaves no room for would have waited longest, and have no time at all."""
    cells = read([write(tmp_path, Run(planted=(GTHREAD, UVICORN), users=(128,)))]).cells.values()
    overloaded = [
        c.model_copy(update={"at_least": ["p50", "p99"]}) if c.server == "wsgi-gthread" else c for c in cells
    ]
    for name, outcome in (("response_p50", "not measured"), ("throughput", "faster")):
        sides = [
            [c for c in overloaded if c.server == server and c.scenario == "process-wait"]
            for server in ("asgi-uvicorn", "wsgi-gthread")
        ]
        found = paired(sides[0], sides[1], METRICS[name], Judge(1, {}))
        assert found.verdict == outcome
    (point,) = (p for p in points(overloaded) if p.server == "wsgi-gthread")
    bounds = {name: e.bound for name, e in point.estimates.items() if e}
    assert (bounds["response_p50"], bounds["throughput"]) == ("at least", "exact")


def test_slots_bend_a_curve_and_no_peak_is_claimed(tmp_path: Path) -> None:
    curves = {c.server: c for c in built(tmp_path, users=(4, 8, 16, 32, 64, 128)).curves}
    gthread = curves["wsgi-gthread"]
    assert gthread.bound_per_s == pytest.approx(640, rel=0.03)
    assert gthread.usl is not None
    assert (gthread.usl.peak, gthread.usl.peak_reason) == (None, SLOTS_BEND)
    straight = curves["asgi-uvicorn"]
    assert straight.usl is not None
    assert straight.usl.peak is None
    assert straight.usl.peak_reason == "κ's interval holds zero"
    assert straight.bound_per_s is None


def test_too_few_levels_fit_no_law(tmp_path: Path) -> None:
    curve = built(tmp_path).curves[0]
    assert curve.usl is None
    assert curve.unfitted == "3 levels are too few: the law needs 4"


def test_capacity_and_the_best_of_a_scenario(tmp_path: Path) -> None:
    cases = {case.server: case for case in built(tmp_path).cases}
    uvicorn, twin, gthread = (cases[p.server] for p in (UVICORN, TWIN, GTHREAD))
    assert uvicorn.figures["capacity"] is not None
    assert uvicorn.figures["capacity"].value == pytest.approx(2560, rel=0.05)
    assert "capacity" in uvicorn.best + twin.best
    assert "capacity" in uvicorn.ties + twin.ties
    assert "capacity" not in gthread.best + gthread.ties


def test_pooled_runs_number_their_blocks_on(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN), primaries=ASKED)
    first, second = write(tmp_path, run), write(tmp_path, replace(run, name="later", seed=8))
    summary = build([first, second])
    assert summary.answers[0].blocks == 6
    assert len(summary.cells) == 2 * len(read([first]).cells)
    elsewhere = write(tmp_path, replace(run, name="elsewhere", machine_id="machine-b"))
    with pytest.raises(PoolingError, match="differ in their machine"):
        build([first, elsewhere])
    with pytest.raises(PoolingError, match="named twice"):
        build([first, first])


def test_runs_of_two_folders_are_pooled(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN), primaries=ASKED)
    first, second = write(tmp_path / "r1", run), write(tmp_path / "r2", replace(run, name="later", seed=8))
    assert build([first, second]).answers[0].blocks == 6
    assert write_report([first, second], ["html"]) == [first / "report.html"]
    for cell in read([first, second]).cells.values():
        assert cell.directory is not None
        assert (first / cell.directory / "cell.json").is_file()


def test_runs_of_one_name_in_two_folders_are_two(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN), primaries=ASKED)
    first, second = write(tmp_path / "r1", run), write(tmp_path / "r2", replace(run, seed=8))
    manifest = archive.read_manifest(second)
    later = manifest.model_copy(update={"created_unix_s": manifest.created_unix_s + 1})
    archive.write_record(second / "manifest.json", later)
    assert len(read([first, second]).cells) == 2 * len(read([first]).cells)


def test_no_run_is_pooled_twice_wherever_it_is_named(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN), primaries=ASKED)
    first, second = write(tmp_path, run), write(tmp_path, replace(run, name="later", seed=8))
    later = archive.read_manifest(second).model_copy(update={"created_unix_s": 5.0})
    archive.write_record(second / "manifest.json", later)
    with pytest.raises(PoolingError, match="later is named twice"):
        build([first, second, second])


def test_runs_of_an_own_app_whose_code_changed_are_not_pooled(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN), primaries=ASKED)
    first, second = write(tmp_path, run), write(tmp_path, replace(run, name="later", seed=8))
    for directory, code in ((first, "a" * 16), (second, "b" * 16)):
        manifest = archive.read_manifest(directory)
        own = manifest.model_copy(update={"own_code": {"mine": code}})
        archive.write_record(directory / "manifest.json", own)
    with pytest.raises(PoolingError, match="differ in their code of mine"):
        build([first, second])
    found = against(build([first]), build([second]), force=True).comparison
    assert found is not None
    assert "code of mine" in {change.name for change in found.environment}


def test_a_run_against_itself_says_so_everywhere(tmp_path: Path) -> None:
    summary = built(tmp_path)
    found = against(summary, summary).comparison
    assert found is not None
    assert found.same_run
    assert {change.verdict for change in found.changes} == {"same run"}
    assert all("same run" in change.sentence for change in found.changes)
    assert not found.environment


def test_a_tenth_slower_stands_first(tmp_path: Path) -> None:
    run = Run(planted=(GTHREAD, UVICORN, TWIN), primaries=ASKED, quick=False, blocks=5, users=(8, 32))
    base = build([write(tmp_path, run)])
    slower = replace(UVICORN, service_s=0.055)
    new = build([write(tmp_path, replace(run, name="later", planted=(GTHREAD, slower, TWIN), seed=11))])
    found = against(base, new).comparison
    assert found is not None
    assert found.changes[0].server == "asgi-uvicorn"
    assert found.changes[0].verdict == "slower"
    assert {c.verdict for c in found.changes if c.server != "asgi-uvicorn"} <= {
        "equivalent",
        "inconclusive",
        "not measured",
    }


def test_what_must_not_be_compared_is_refused(tmp_path: Path) -> None:
    run = Run(quick=False)
    base = build([write(tmp_path, run)])
    quick = build([write(tmp_path, replace(run, name="quick", quick=True))])
    elsewhere = build([write(tmp_path, replace(run, name="elsewhere", machine_id="machine-b"))])
    with pytest.raises(CompareError, match="quick run"):
        against(base, quick)
    with pytest.raises(CompareError, match="different machines"):
        against(base, elsewhere)
    forced = against(base, elsewhere, force=True).comparison
    assert forced is not None
    assert not forced.same_run


def test_an_interrupted_run_is_no_valid_one(tmp_path: Path) -> None:
    summary = built(tmp_path, finished=False)
    assert summary.state == "warnings"
    assert any("interrupted" in warning for warning in summary.warnings)
