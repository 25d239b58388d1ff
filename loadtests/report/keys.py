"""Every number of the page carries its place in `summary.json`, as a JSON Pointer (RFC 6901)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from markupsafe import Markup

from loadtests.report.figures import ReadUnit, figure

PathStep = str | int | tuple[str | int, ...]  # a tuple is a path of its own
BOUNDS = {"exact": "", "at least": "≥\N{NO-BREAK SPACE}", "at most": "≤\N{NO-BREAK SPACE}"}


class Keyed:
    """The document as keyed HTML: what is shown is looked up at its pointer, and nowhere else."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def value(self, *path: PathStep) -> Any:
        place: Any = self.document
        for step in _flat(path):
            place = place[step]
        return place

    def number(self, unit: ReadUnit, *path: PathStep, prefix: str = "", turned: bool = False) -> Markup:
        """`<data>` with the whole value beside the rounded text; a dash where the figure is null.

        `turned`: a ratio as seen from the other side, 1 over what the document holds.
        """
        value = self.value(*path)
        if turned and value:
            return Markup('<data data-key="{}" data-turned value="{}">{}{}</data>').format(
                pointer(path), repr(1 / value), prefix, figure(1 / value, unit)
            )
        if value is None:
            return Markup('<span class="none" data-key="{}" title="not available">{}</span>').format(
                pointer(path), figure(None, unit)
            )
        return Markup('<data data-key="{}" value="{}">{}{}</data>').format(
            pointer(path), repr(value), prefix, figure(value, unit)
        )

    def text(self, *path: PathStep) -> Markup:
        return Markup('<span data-key="{}">{}</span>').format(pointer(path), self.value(*path))

    def sentence(self, *path: PathStep) -> Markup:
        """A text whose condition, before the first colon, stands out."""
        head, colon, rest = str(self.value(*path)).partition(": ")
        return Markup('<span data-key="{}"><b>{}{}</b>{}</span>').format(pointer(path), head, colon, rest)

    def estimate(self, unit: ReadUnit, *path: PathStep) -> Markup:
        """An estimate over blocks, with the sign of its bound."""
        estimated = self.value(*path)
        if estimated is None:
            return self.number(unit, *path)
        return self.number(unit, *path, "value", prefix=BOUNDS[estimated["bound"]])

    def interval(self, unit: ReadUnit, *path: PathStep) -> Markup:
        """` (low to high)` of whatever has both, else nothing."""
        bounds = self.value(*path)
        if bounds is None or bounds["low"] is None or bounds["high"] is None:
            return Markup("")
        low, high = self.number(unit, *path, "low"), self.number(unit, *path, "high")
        return Markup('<span class="interval">{} to {}</span>').format(low, high)


def pointer(path: Iterable[PathStep]) -> str:
    """RFC 6901: `/points/asgi~1small/low`."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in _flat(path))


def _flat(path: Iterable[PathStep]) -> Iterator[str | int]:
    for step in path:
        if isinstance(step, tuple):
            yield from step
        else:
            yield step
