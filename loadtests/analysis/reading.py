"""Archived runs as one body of figures: read, pooled where that is allowed, and reduced cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests import archive
from loadtests.analysis.cases import target_of
from loadtests.analysis.cells import CellSummary, Moment, moments, summarise_cell
from loadtests.model.records import CellRecord, Manifest, SearchRecord


class PoolingError(archive.ArchiveError):
    """Why runs may not be pooled, in one sentence."""


@dataclass(frozen=True)
class Reading:
    """`directories` gives each cell's place on disk, for what is read again."""

    manifests: list[Manifest]
    cells: dict[str, CellSummary]
    records: dict[str, CellRecord]
    directories: dict[str, Path]
    searches: list[SearchRecord]
    planned_cells: int

    def moments(self, cell: str) -> list[Moment]:
        return moments(self.records[cell], archive.directory_samples(self.directories[cell]))


def read(run_dirs: Sequence[Path]) -> Reading:
    """Read one run, or pool several of the same plan, code and machine: their blocks are numbered on.

    Raises PoolingError and `archive.ArchiveError`.
    """
    if not run_dirs:
        raise PoolingError("name at least one run.")
    manifests = [archive.read_manifest(run_dir) for run_dir in run_dirs]
    for manifest in manifests[1:]:
        _poolable(manifests[0], manifest)
    found = Reading(manifests, {}, {}, {}, [], sum(len(m.cells) for m in manifests))
    blocks = 0
    for run_dir, manifest in zip(run_dirs, manifests, strict=True):
        records = archive.read_cells(run_dir)
        for record in records:
            name = record.id if len(run_dirs) == 1 else f"{manifest.run}:{record.id}"
            directory = archive.cell_directory(run_dir, record.id)
            target = target_of(manifest.plan, record.scenario)
            samples, readings = (
                archive.directory_samples(directory),
                archive.read_lines(directory / "probes.jsonl"),
            )
            summary = summarise_cell(record, samples, target.p99_us, readings)
            place = directory.resolve().relative_to(run_dirs[0].resolve().parent)
            found.cells[name] = summary.model_copy(
                update={"id": name, "block": record.block + blocks, "directory": f"../{place.as_posix()}/"}
            )
            found.records[name] = record
            found.directories[name] = directory
        found.searches.extend(archive.read_searches(run_dir))
        blocks += max((record.block for record in records), default=0)
    return found


def _poolable(first: Manifest, other: Manifest) -> None:
    if first.run == other.run:
        raise PoolingError(f"{first.run} is named twice; a run cannot be pooled with itself.")
    for what, ours, theirs in (
        ("machine", first.machine_id, other.machine_id),
        ("plan", first.plan_id, other.plan_id),
        ("code", first.code_id, other.code_id),
    ):
        if ours != theirs:
            raise PoolingError(
                f"{first.run} and {other.run} differ in their {what} ({ours[:12]}, {theirs[:12]}) and are "
                f"not pooled; compare them with 'twins compare'."
            )
