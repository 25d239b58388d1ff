"""The scenarios for Locust: `locust -f loadtests/locustfile.py --host URL [UserClass…]`, web UI included."""

from locust import events

from loadtests.generator.hooks import install
from loadtests.generator.users import user_class
from loadtests.subjects.own.scenarios import REQUESTS
from loadtests.subjects.registry import SCENARIOS

globals().update({scenario.user_class: user_class(scenario) for scenario in (*SCENARIOS.values(), REQUESTS)})

install(events)
