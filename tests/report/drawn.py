"""Archives drawn at random, for what must hold of every sentence that an analysis can make."""

from pathlib import Path

from hypothesis import strategies as st

from tests.report.synthetic import Broken, Planted, Run, primary, write

SERVERS = ("wsgi-gthread", "asgi-uvicorn", "asgi-threadpool")
SCENARIOS = ("process-wait", "download-small")
REASONS = ("the server died while it was measured", "run queue: the generator stood ready and did not run")


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """None to three servers, one to ten blocks; ties, failures, busy generators, too few samples."""
    names = SERVERS[: draw(st.integers(0, 3))]
    scenarios = SCENARIOS[: draw(st.integers(1, 2))]
    users = draw(st.sampled_from([(2,), (8,), (4, 64), (1, 8, 32)]))
    tied = draw(st.booleans())
    planted = [
        Planted(
            name,
            scenario,
            service_s=0.02 if tied else draw(st.sampled_from([0.004, 0.02, 0.05])),
            slots=draw(st.sampled_from([None, 1, 32])),
            capacity_per_s=draw(st.sampled_from([13.0, 400.0, 1500.0])),
            failures=draw(st.sampled_from([0.0, 0.0, 0.004, 0.3, 1.0])),
            block_sd=draw(st.sampled_from([0.0, 0.02, 0.8])),
            cpu_ms=draw(st.sampled_from([0.01, 0.7, 3.0])),
        )
        for scenario in scenarios
        for name in names
    ]
    broken = draw(
        st.lists(
            st.builds(
                Broken,
                st.sampled_from(SERVERS),
                st.sampled_from(SCENARIOS),
                st.sampled_from(["invalid", "generator-limited", "generator-limited", "unsaturated"]),
                st.sampled_from(REASONS),
                st.integers(0, 3),
                st.sampled_from([None, users[0], users[-1]]),
            ),
            max_size=4,
        )
    )
    pairs = [(names[a], names[b]) for a in range(len(names)) for b in range(a)]
    asked = [
        primary(*pair, scenario, level, metric)
        for pair in pairs
        for scenario in scenarios
        for level in {users[0], users[-1]}
        for metric in draw(st.sampled_from([("throughput",), ("throughput", "response_p99")]))
    ]
    return Run(
        planted=planted,
        users=users,
        blocks=draw(st.integers(1, 10 if len(planted) < 3 else 3)),
        measure_s=0.4,
        primaries=asked,
        broken=broken,
        finished=draw(st.booleans()),
        aa_floor=draw(st.sampled_from([None, {"throughput": 0.3688123}])),
        plan={"matched": draw(st.sampled_from(["capacity-matched", "as shipped"]))},
        seed=draw(st.integers(0, 99)),
    )


def written(folder: Path, run: Run) -> Path:
    return write(folder, run)
