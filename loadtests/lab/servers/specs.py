"""What an entry of a plan means: a row of the subject's table, or a server of one's own."""

from pathlib import Path

from loadtests.analysis.cells import UNBOUNDED
from loadtests.lab.plan import Plan
from loadtests.lab.plan_server import PlanServer
from loadtests.subjects.own.servers import OwnServer
from loadtests.subjects.registry import SERVERS
from loadtests.subjects.subject import ServerSpec

HEALTH = "/health"


def spec_of(label: str, planned: PlanServer) -> ServerSpec:
    """The spec of a resolved entry: one that names a server names one of the table."""
    if planned.server is not None:
        return SERVERS[planned.server]
    return OwnServer(
        name=label,
        interface=planned.interface,
        slot_kind=planned.fills or "unknown",
        declared_slots=planned.slots,
        health=planned.health or (HEALTH if planned.expect else None),
        ready=planned.ready,
        command=tuple(planned.command or ()),
        url=planned.url,
        directory=Path(planned.directory) if planned.directory is not None else None,
        python=Path(planned.python) if planned.python is not None else None,
        path=planned.environment.get("PATH"),
        scheme=planned.scheme or "http",
    )


def planned_means(plan: Plan) -> str:
    """What a plan may promise of the means of its servers: matched only where all their slots are known."""
    unknown = []
    for label, planned in plan.servers.items():
        spec = spec_of(label, planned)
        sizes = (_single(planned.processes) or spec.processes, _single(planned.threads) or spec.threads)
        if isinstance(spec, OwnServer) and spec.slots(*sizes) is None and spec.slot_kind not in UNBOUNDED:
            unknown.append(label)
    if not unknown or plan.matched == "as shipped":
        return plan.matched
    return f"capacity unknown (slots of {' and '.join(unknown)} not declared)"


def _single(value: int | list[int] | None) -> int | None:
    return None if isinstance(value, list) else value


def missing_program(label: str, planned: PlanServer) -> str | None:
    """The program of an optional server that is not installed here; of a revision it is not known yet."""
    return None if planned.revision is not None else spec_of(label, planned).missing()
