"""The scenarios in which the server under test waits for others, as Locust users."""

import json
from typing import Any

from loadtests.generator.users import WireUser
from loadtests.load.asks import JSON, Ask
from loadtests.subjects.twins.scenarios.upstreams import upstream_address


class FanOut(WireUser):
    """POST /fetch; every answer must have the upstream's body, by its digest, for each address."""

    scenario = "fan-out"

    @classmethod
    def asks(cls, parameters: dict[str, Any]) -> list[Ask]:
        addresses = [
            {
                "url": upstream_address(
                    parameters["upstream"], number, parameters["latency_ms"], parameters["upstream_bytes"]
                )
            }
            for number in range(parameters["addresses"])
        ]
        name = f"/fetch {len(addresses)} addresses"
        body = json.dumps({"addresses": addresses}).encode()
        return [Ask(1, "POST", "/fetch", name, JSON, body, check="body", statuses=(200,))]
