"""What a self-check is before it has a figure: name, limit, unit, and what follows where it fails (pure)."""

from dataclasses import dataclass

from loadtests.model.records import Check, CheckStatus, Consequence


@dataclass(frozen=True)
class Rule:
    """`limit` may be given with a figure instead, where it depends on the cell."""

    name: str
    limit: float | None
    unit: str
    consequence: Consequence = "warning"

    def unknown(self, advice: str, limit: float | None = None) -> Check:
        """The check without a figure: `not available`, never ok."""
        return self._check("not available", None, limit, advice)

    def judged(
        self, status: CheckStatus, figure: float | None, advice: str, limit: float | None = None
    ) -> Check:
        """The check with its figure; `advice` is dropped where it is ok, and there is nothing to do."""
        if figure is None:
            return self.unknown(advice, limit)
        return self._check(status, float(figure), limit, "" if status == "ok" else advice)

    def at_most(self, figure: float | None, advice: str) -> Check:
        """The check of a figure that must not exceed the limit; `not available` where it was not recorded."""
        if figure is None or self.limit is None:
            return self.unknown("it was not recorded")
        return self.judged("ok" if figure <= self.limit else "failed", figure, advice)

    def _check(self, status: CheckStatus, figure: float | None, limit: float | None, advice: str) -> Check:
        return Check(
            name=self.name,
            status=status,
            figure=figure,
            limit=self.limit if limit is None else limit,
            unit=self.unit,
            advice=advice,
            consequence=self.consequence,
        )
