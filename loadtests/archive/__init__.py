"""A run on disk: every document whole or not there at all.

`results/<run-id>/manifest.json`, and in `cells/<cell-id>/` one directory a cell, moved into place when it is
complete. A bare directory that a plain `locust … --twins-out DIR` wrote reads as a run of one cell.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from loadtests.checks.soundness import cell_state, self_checks
from loadtests.model.records import CellRecord, GeneratorDocument, Level, Manifest, Record, SearchRecord
from loadtests.model.sameness import Sameness, SamenessDocument
from loadtests.model.samples import Samples, read_samples

MANIFEST, CELL, GENERATOR, SAMENESS = "manifest.json", "cell.json", "generator.json", "sameness.json"
BARE_SERVER = "target"
AnyRecord = TypeVar("AnyRecord", bound=Record)


class ArchiveError(ValueError):
    """A directory that is not a run, or a document in it that cannot be read; ready for the user."""


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file at once: temporary file in the same directory, fsync, rename."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_record(path: Path, record: Record) -> None:
    write_text(path, record.model_dump_json(indent=1) + "\n")


@contextmanager
def new_cell(run: Path, cell: str) -> Iterator[Path]:
    """A temporary directory for a cell under way; it is deleted unless `finish_cell` moved it away."""
    cells = run / "cells"
    cells.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=cells, prefix=f".{cell}-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def finish_cell(run: Path, directory: Path, record: CellRecord) -> Path:
    """Write `cell.json`, bring all files to the disk and move the directory to `cells/<id>`."""
    write_record(directory / CELL, record)
    for path in directory.iterdir():
        _sync(path)
    _sync(directory)
    final = run / "cells" / record.id
    directory.rename(final)
    _sync(final.parent)
    return final


def write_cell(
    run: Path, record: CellRecord, fill: Callable[[Path], object] = lambda directory: None
) -> Path:
    """A cell that was not measured, as its server never started; `fill` writes what files it has."""
    with new_cell(run, record.id) as directory:
        fill(directory)
        return finish_cell(run, directory, record)


def amend_cell(run: Path, record: CellRecord) -> None:
    """Replace the record of a finished cell by one that knows more, such as how its server stopped."""
    write_record(run / "cells" / record.id / CELL, record)


def sweep(run: Path) -> None:
    """Delete what an interrupted run left half-written."""
    for place in (run, run / "cells", run / "searches"):
        for path in place.glob(".*") if place.is_dir() else ():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_run(run: Path) -> bool:
    return (run / MANIFEST).is_file() or (run / GENERATOR).is_file()


def find_runs(results: Path) -> list[Path]:
    """The runs in a folder, the one measured last at the end, by what they say of themselves: reading a
    run, or writing its report, touches its directory. One that cannot be read comes first.
    """
    runs = [path for path in sorted(results.glob("*")) if is_run(path)]
    return sorted(runs, key=_measured_unix_s)


def _measured_unix_s(run: Path) -> float:
    try:
        if not (run / MANIFEST).is_file():
            return _read(run / GENERATOR, GeneratorDocument).zero_unix_s
        manifest = _read(run / MANIFEST, Manifest)
    except ArchiveError:
        return float("-inf")
    return manifest.finished_unix_s or manifest.created_unix_s


def read_manifest(run: Path) -> Manifest:
    """The manifest of a run that lies wholly in its own directory; raises ArchiveError."""
    _refuse_links(run)
    if (run / MANIFEST).is_file():
        return _read(run / MANIFEST, Manifest)
    if (run / GENERATOR).is_file():
        return _bare_manifest(run)
    raise ArchiveError(f"{run} is not a run: it holds neither {MANIFEST} nor {GENERATOR}.")


def read_cells(run: Path) -> list[CellRecord]:
    """The finished cells in the order they were planned; raises ArchiveError."""
    if not (run / MANIFEST).is_file() and (run / GENERATOR).is_file():
        return [_bare_cell(run)]
    paths = [path / CELL for path in (run / "cells").glob("[!.]*") if (path / CELL).is_file()]
    cells = [_read(path, CellRecord) for path in paths]
    for path, cell in zip(paths, cells, strict=True):
        if cell.id != path.parent.name:
            raise ArchiveError(f"{path} calls its cell {cell.id!r}; it is that of its folder's name.")
    return sorted(cells, key=lambda cell: (cell.order, cell.id))


def read_searches(run: Path) -> list[SearchRecord]:
    """The finished capacity searches, by id."""
    return [_read(path, SearchRecord) for path in sorted((run / "searches").glob("[!.]*.json"))]


def write_sameness(run: Path, results: Sequence[Sameness]) -> None:
    write_record(run / SAMENESS, SamenessDocument(scenarios=list(results)))


def read_sameness(run: Path) -> list[Sameness] | None:
    """Whether the servers answered alike, by scenario; None where nobody asked. Raises ArchiveError."""
    return _read(run / SAMENESS, SamenessDocument).scenarios if (run / SAMENESS).is_file() else None


def cell_directory(run: Path, cell: str) -> Path:
    place = run / "cells" / cell
    return place if place.is_dir() or not (run / GENERATOR).is_file() else run


def cell_samples(run: Path, cell: str) -> Samples:
    """The raw samples of a finished cell, in order of completion; empty where none were taken."""
    return directory_samples(cell_directory(run, cell))


def directory_samples(directory: Path) -> Samples:
    path = directory / "samples.bin"
    return read_samples(path if path.is_file() else Path(os.devnull))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; a torn last line is left out. Raises ArchiveError."""
    if not path.is_file():
        return []
    try:
        objects = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1] if line]
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{path} cannot be read as lines of JSON: {error}") from None
    if not all(isinstance(line, dict) for line in objects):
        raise ArchiveError(f"{path} cannot be read as lines of JSON: each holds one object.")
    return objects


def read_generator(directory: Path) -> GeneratorDocument | None:
    path = directory / GENERATOR
    return _read(path, GeneratorDocument) if path.is_file() else None


def _refuse_links(run: Path) -> None:
    """An archive may come from anyone: through a link it would read, or a report write, somewhere else."""
    for pattern in ("*", "*/*", "cells/*/*"):
        for path in run.glob(pattern):
            if path.is_symlink():
                raise ArchiveError(f"{path} is a link, and an archive holds none.")


def _read(path: Path, model: type[AnyRecord]) -> AnyRecord:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()
        raise ArchiveError(f"{path} cannot be read as {model.__name__}: {' '.join(first[:3])}") from None


def _bare_level(document: GeneratorDocument) -> Level:
    if document.rate_per_s:
        return Level(kind="rate", value=document.rate_per_s)
    return Level(kind="users", value=document.users)


def _bare_manifest(run: Path) -> Manifest:
    cell = _bare_cell(run)
    document = _read(run / GENERATOR, GeneratorDocument)
    return Manifest(
        run=run.resolve().name,
        plan={},
        plan_name="locust",
        quick=True,
        seed=document.seed,
        cells=[cell.id],
        primaries=[],
        created_unix_s=cell.started_unix_s,
        finished_unix_s=cell.ended_unix_s,
        command=[],
        versions={"python": document.python, "locust": document.locust},
        machine={},
        machine_id="not available",
        plan_id="not available",
        code_id="not available",
    )


def _bare_cell(run: Path) -> CellRecord:
    document = _read(run / GENERATOR, GeneratorDocument)
    level = _bare_level(document)
    checks = self_checks(document, directory_samples(run), server_count=None, ceiling=None)
    state, reason = cell_state(checks)
    return CellRecord(
        id=f"b01-{BARE_SERVER}-{document.scenario}-{level.kind[0]}{level.value:g}",
        run=run.resolve().name,
        server=BARE_SERVER,
        scenario=document.scenario,
        scenario_kind=document.scenario,
        parameters=document.parameters,
        level=level,
        block=1,
        order=0,
        seed=document.seed,
        state=state,
        reason=reason,
        server_run=None,
        generator=document,
        checks=checks,
        started_unix_s=document.zero_unix_s,
        ended_unix_s=document.zero_unix_s + document.end_us / 1e6,
    )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
