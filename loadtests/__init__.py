"""The laboratory: an instrument to be trusted, a journal to be resumed, a report a sceptic accepts.

Arrows run one way: `report` reads `analysis`, `analysis` reads `archive`, `checks` and `model`, `lab` reads
the subjects' descriptions, and only `generator`, `load`, the scenarios' users and `locustfile` import Locust.
"""
