"""The scenarios of a plan: each label's workload with its parameters."""

from typing import Any

from loadtests.lab.plan import Plan
from loadtests.subjects.own.scenarios import REQUESTS
from loadtests.subjects.registry import SCENARIOS
from loadtests.subjects.subject import MOST_ASKS_TOLD, Scenario


def scenario_of(plan: Plan, label: str) -> tuple[Scenario, dict[str, Any]]:
    """The scenario of a label in a resolved plan, and its parameters."""
    planned = plan.scenarios[label]
    scenario = REQUESTS if planned.requests else SCENARIOS[planned.kind or label]
    return scenario, dict(planned.parameters)


def scenarios_of(plan: Plan) -> list[Scenario]:
    """Those of all labels, in the order of the plan."""
    return [scenario_of(plan, label)[0] for label in plan.scenarios]


def asked(plan: Plan) -> dict[str, str]:
    """What each label's workload asks of a server, in a few words."""
    found = {}
    for label, planned in plan.scenarios.items():
        if planned.requests:
            mixed = [request for request in planned.requests if request.weight != 0]
            told = [f"{request.method} {request.path}" for request in mixed[:MOST_ASKS_TOLD]]
            left = len(mixed) - len(told)
            found[label] = ", ".join(told) + (f" and {left} more" if left else "")
        else:
            scenario, parameters = scenario_of(plan, label)
            found[label] = scenario.asked(scenario.resolve(parameters))
    return found
