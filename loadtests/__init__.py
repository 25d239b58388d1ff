"""The laboratory: an instrument to be trusted, a journal to be resumed, a report a sceptic accepts.

Arrows run one way: `report` reads `analysis`, `analysis` reads the archive's types, `lab` reads the
scenarios' descriptions, and only `instrument`, the scenarios' users and `locustfile` import Locust.
"""
