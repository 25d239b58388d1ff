"""What bounds a server at a level: rules in a closed list, tried in order, each with its figures.

`generator` - the load generator was the limit;
`background` - clients in the background that keep the server at a request hold at least 95 % of the slots,
also where no request beside them succeeded;
`slots` - at least 95 % of the slots are taken while the core is less than 80 % busy, and the throughput is
at least 80 % of what Little's law allows them;
`core` - the cores the server may use are more than 95 % busy;
`upstream` - the work waits for another service, with slots and core to spare;
`users` - nobody waits for anybody, where it is known how many are served at once: more users would get more;
otherwise the cause is not established, and the figures are told. Where one of several server processes took
more than its part of the requests, that is told, too.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from loadtests.analysis.cells import CellSummary
from loadtests.analysis.metrics import METRICS
from loadtests.analysis.points import Point, estimate, telling
from loadtests.analysis.scaling import BOUND_REACHED, slots_bound
from loadtests.analysis.wording import count, percent, slots
from loadtests.analysis.wording import rate as per_s
from loadtests.checks.balance import BALANCE, busiest_words
from loadtests.model.backgrounds import BACKGROUNDS
from loadtests.model.digits import digits
from loadtests.model.records import Record

Cause = Literal["generator", "background", "slots", "core", "upstream", "users", "not established"]

SLOTS_TAKEN, CORE_IDLE, CORE_BUSY, UNQUEUED = 0.95, 0.80, 0.95, 0.90


class Explanation(Record):
    """`slots_taken` and `core_share` are shares, 0 to 1; in flight by Little's law, at most the users."""

    point: str
    server: str
    cause: Cause
    text: str
    in_flight: float | None
    slots_taken: float | None
    core_share: float | None
    throughput_per_s: float | None
    bound_per_s: float | None


def explain(point: Point, curve: Sequence[Point], cells: Mapping[str, CellSummary]) -> Explanation:
    """The cause at `point`; `curve` holds all points of the same server and scenario.

    Told of the cells that the point's own figures rest on.
    """
    here = [cells[name] for name in point.cells]
    sound = telling(here) or _shut_out(here)
    first = sound[0] if sound else None
    rate, mean_us, busy = (_mean(sound, name) for name in ("throughput", "service_mean", "busy_cores"))
    in_flight = rate * mean_us / 1e6 if rate is not None and mean_us is not None else None
    if in_flight is not None and point.level.kind == "users":
        in_flight = min(in_flight, point.level.value)
    slots = first.slots if first else None
    bound = slots_bound(curve, cells)
    taken = min(1.0, in_flight / slots) if in_flight is not None and slots else None
    core = min(1.0, busy / first.cores) if busy is not None and first is not None and first.cores else None
    reached = rate / bound[1] if rate is not None and bound else None
    cause = _cause(sound, taken, core, reached)
    return Explanation(
        point=point.id,
        server=point.server,
        cause=cause,
        text=f"{point.server}: {_text(cause, point, first, bound, rate, in_flight, core)}"
        + _unevenness(sound),
        in_flight=in_flight,
        slots_taken=taken,
        core_share=core,
        throughput_per_s=rate,
        bound_per_s=bound[1] if bound else None,
    )


def _cause(
    sound: Sequence[CellSummary],
    taken: float | None,
    core: float | None,
    reached: float | None,
) -> Cause:
    if not sound:
        return "not established"
    if any(cell.state == "generator-limited" for cell in sound):
        return "generator"
    if all(_slots_held(cell) for cell in sound):
        return "background"
    full = taken is not None and taken >= SLOTS_TAKEN and core is not None and core < CORE_IDLE
    # a client that waits in a queue looks like a slot taken: the throughput must come near the bound too
    if full and (reached is None or reached >= BOUND_REACHED):
        return "slots"
    if core is not None and core > CORE_BUSY:
        return "core"
    if core is None or core >= CORE_IDLE:
        return "not established"
    if sound[0].waits_for:
        return "upstream"
    if not sound[0].slots_known:  # whoever waits for a slot looks as if nobody waited
        return "not established"
    unsaturated = all(cell.state == "unsaturated" for cell in sound)
    waits = _wait_shares(sound)
    if waits:  # where they queue, it is for something that is neither a slot nor the core
        return "users" if min(waits) >= UNQUEUED else "not established"
    return "users" if unsaturated else "not established"


def _shut_out(held: Sequence[CellSummary]) -> Sequence[CellSummary]:
    """The cells, where background clients left no slot and no other request succeeded; otherwise none."""
    return held if all(_slots_held(cell) and _without_success(cell) for cell in held) else ()


def _without_success(cell: CellSummary) -> bool:
    return any(
        (check.name, check.status, check.figure) == ("answers", "failed", 1.0) for check in cell.checks
    )


def _slots_held(cell: CellSummary) -> int:
    """How many background clients held a slot all the while, where they left hardly any; else 0."""
    held = sum(clients.fewest or 0 for clients in cell.background if BACKGROUNDS[clients.kind].holds)
    return held if cell.slots and held >= SLOTS_TAKEN * cell.slots else 0


def _wait_shares(sound: Sequence[CellSummary]) -> list[float]:
    """How much of the service time is the planted wait, in each cell; none where it is not known of all."""
    shares = []
    for cell in sound:
        if cell.planted_wait_ms is None or not cell.service_mean_us:
            return []
        shares.append(cell.planted_wait_ms * 1000 / cell.service_mean_us)
    return shares


def _text(
    cause: Cause,
    point: Point,
    first: CellSummary | None,
    bound: tuple[float, float] | None,
    rate: float | None,
    in_flight: float | None,
    core: float | None,
) -> str:
    if first is None:
        return f"no sound cell ({'; '.join(point.reasons) or 'no reason recorded'})."
    told = f"{per_s(rate)} measured" if rate is not None else "no throughput measured"
    busy = "the core's load is not known" if core is None else f"{_cores(first)} {percent(core)} busy"
    if cause == "generator":
        reached = "" if rate is None else f", which reached {per_s(rate)}"
        return f"the load generator was the limit{reached}; the server could do more."
    if cause == "slots" and bound:
        return (
            f"slots exhausted: {slots(first.slots, first.slot_kind)} × {digits(bound[0] / 1000)} ms: "  # noqa: RUF001
            f"about {per_s(bound[1])}, {told}; {busy}."
        )
    if cause == "background":
        served = f"{told}; {busy}" if rate is not None else "and no other request succeeded"
        return (
            f"slots held: at least {count(_slots_held(first), 'client')} in the background for "
            f"{slots(first.slots, first.slot_kind)}, {served}."
        )
    flying = "an unknown number" if in_flight is None else digits(in_flight).removesuffix(".0")
    flying += " in flight" + (f" for {count(first.slots, 'slot')}" if first.slots else "")
    if cause == "slots":
        return f"slots exhausted: {flying}, {told}; {busy}."
    if cause == "core":
        return f"core exhausted: {busy}, {told}, {flying}{_lock(first)}."
    if cause == "upstream":
        return f"waiting for upstream: {flying}, {told}; {busy}."
    if cause == "users":
        return f"not saturated: {flying}, {told}; {busy}; more users would get more."
    slots_told = "" if first.slots_known else "; its slots are not declared"
    return f"cause not established: {flying}, {told}; {busy}{slots_told}."


def _unevenness(sound: Sequence[CellSummary]) -> str:
    """Which part the busiest of several server processes took, where the check of the balance warns."""
    uneven = [
        cell for cell in sound if any(c.name == BALANCE.name and c.status == "warning" for c in cell.checks)
    ]
    shares = [cell.busiest_share for cell in uneven if cell.busiest_share is not None]
    if not shares:
        return ""
    processes = max(max(len(cell.process_counts), cell.processes or 1) for cell in uneven)
    told = busiest_words(max(shares), processes)
    repeats = f", in the least even of {count(len(sound), 'repeat')}" if len(sound) > 1 else ""
    return f" {told[0].upper()}{told[1:]}{repeats}."


def _lock(cell: CellSummary) -> str:
    """Why the threads of a process have one core, where the server says so."""
    held = cell.interpreter is not None and any(told in cell.interpreter for told in ("with GIL", "GIL on"))
    threaded = (cell.threads or 1) > 1 and cell.slot_kind == "thread"
    return "; under the GIL one thread of a process computes at a time" if held and threaded else ""


def _cores(cell: CellSummary) -> str:
    return "the core was" if cell.cores == 1 else f"its {cell.cores} cores were"


def _mean(cells: Sequence[CellSummary], name: str) -> float | None:
    values = [value for cell in cells if (value := METRICS[name].pick(cell)) is not None]
    mean = estimate(values, METRICS[name], limited=False)
    return mean.value if mean else None
