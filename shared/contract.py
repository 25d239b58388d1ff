"""The one contract, as OpenAPI: written here once, served by both faces."""

from shared.replies import Reply, json_reply


def contract_reply() -> Reply:
    return json_reply({"openapi": "3.1.0"})
