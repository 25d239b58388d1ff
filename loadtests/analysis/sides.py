"""Who is who: the servers of a run."""

from collections.abc import Iterable

from pydantic import Field

from loadtests.analysis.cells import CellSummary
from loadtests.model.records import Manifest, Record


class ServerWords(Record):
    interface: str | None
    short: str = Field(description="in the headline, such as `ASGI (uvicorn)`; else the server's name")
    told: str = Field(description="what it is, for a reader who meets it first; empty where no cell says it")


def sides(cells: Iterable[CellSummary]) -> dict[str, ServerWords]:
    """Each server of the cells, in their order; what no cell tells is left at its name."""
    words: dict[str, ServerWords] = {}
    for cell in cells:
        if cell.server in words and words[cell.server].told:
            continue
        kind = (cell.interface or "").upper()
        serves = cell.serves
        short = f"{kind} ({serves})" if kind in ("WSGI", "ASGI") and serves else cell.server
        words[cell.server] = ServerWords(interface=cell.interface, short=short, told=cell.told or "")
    return words


def asked(manifest: Manifest, cells: Iterable[CellSummary]) -> dict[str, str]:
    """What each scenario asks of a server; of an archive that did not record it, its kind and parameters."""
    found = dict(manifest.asked)
    for cell in cells:
        if cell.scenario not in found:
            given = ", ".join(f"{name} {value}" for name, value in cell.parameters.items() if value)
            found[cell.scenario] = f"{cell.scenario_kind}{f' ({given})' if given else ''}"
    return found
