"""Open files: each connection takes one of the generator and one of the server."""

import resource
from contextlib import suppress

from loadtests.lab.plan import Plan, PlanError
from loadtests.lab.scenarios import scenario_of

RESERVED = 100
"""What a server or a generator has open beside its connections; 30 to 70 were seen."""


def check_descriptors(plan: Plan) -> None:
    """Hold the users asked for to the limit of open files that can be had; raises PlanError."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return
    for label, planned in plan.scenarios.items():
        load = planned.load or plan.load
        scenario, values = scenario_of(plan, label)
        background = int(values[scenario.background.count]) if scenario.background else 0
        users = max(load.users, default=0)
        needed = users + background + RESERVED
        if users and needed > most:
            beside = f" beside {background} clients in the background" if background else ""
            fit = most - background - RESERVED
            advice = f" or ask for at most {fit} users" if fit > 0 else ""
            raise PlanError(
                f"scenarios.{label}: {users} users{beside} need {needed} open files, and the "
                f"limit is {most}: raise it (ulimit -n {2 * needed}){advice}."
            )


def raise_open_files() -> None:
    """As many open files as the system allows: what is started here inherits it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS names a limit that it does not accept
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
