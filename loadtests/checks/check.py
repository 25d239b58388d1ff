"""One self-check: its status, its figure and what to do about it (pure)."""

from loadtests.model.records import Check, CheckStatus


def one(
    name: str, status: CheckStatus, figure: float | None, limit: float | None, unit: str, advice: str
) -> Check:
    """A check with its advice, which one that is ok needs not; without a figure it is `not available`."""
    if status == "not available" or figure is None:
        return Check(name=name, status="not available", figure=None, limit=limit, unit=unit, advice=advice)
    told = "" if status == "ok" else advice
    return Check(name=name, status=status, figure=float(figure), limit=limit, unit=unit, advice=told)


def at_most(name: str, figure: float | None, limit: float, unit: str, advice: str) -> Check:
    """The check of a figure that must not exceed its limit; one that was not recorded fails."""
    status: CheckStatus = "ok" if figure is not None and figure <= limit else "failed"
    return one(name, status, figure, limit, unit, advice if figure is not None else "it was not recorded")
