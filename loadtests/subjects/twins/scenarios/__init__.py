"""The workloads of the twins, each one value: its question, its parameters, what it asks and its proof."""

from loadtests.subjects.twins.scenarios.beside import BESIDE
from loadtests.subjects.twins.scenarios.files import FILES
from loadtests.subjects.twins.scenarios.plain import PLAIN
from loadtests.subjects.twins.scenarios.upstreams import UPSTREAMS

SCENARIOS = {scenario.name: scenario for scenario in (*PLAIN, *FILES, *BESIDE, *UPSTREAMS)}
