"""The subjects there are: the one place that names them, and what all of them bring together."""

from collections.abc import Mapping

from loadtests.subjects.own.scenarios import SCENARIOS as OWN_SCENARIOS
from loadtests.subjects.subject import Scenario, ServerSpec, Subject
from loadtests.subjects.twins.subject import TWINS

SUBJECT: Subject = TWINS
SCENARIOS: Mapping[str, Scenario] = {**SUBJECT.scenarios, **OWN_SCENARIOS}
SERVERS: Mapping[str, ServerSpec] = SUBJECT.servers
