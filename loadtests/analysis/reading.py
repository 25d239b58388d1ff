"""Archived runs as one body of figures: read, pooled where that is allowed, and reduced cell by cell."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from loadtests import archive
from loadtests.analysis.cases import target_of
from loadtests.analysis.cells import CellSummary, summarise_cell
from loadtests.analysis.moments import Moment, moments
from loadtests.model.records import CellRecord, Manifest, Runtime, SearchRecord
from loadtests.model.sameness import Sameness


class PoolingError(archive.ArchiveError):
    """Why runs may not be pooled, in one sentence."""


@dataclass(frozen=True)
class Archives:
    """`directories` gives each cell's place on disk, for what is read again."""

    manifests: list[Manifest]
    cells: dict[str, CellSummary]
    records: dict[str, CellRecord]
    directories: dict[str, Path]
    searches: list[SearchRecord]
    sameness: list[Sameness]
    planned_cells: int

    def moments(self, cell: str) -> list[Moment]:
        return moments(self.records[cell], archive.directory_samples(self.directories[cell]))


def read(run_dirs: Sequence[Path]) -> Archives:
    """Read one run, or pool several of the same plan, code and machine: their blocks are numbered on.

    Raises PoolingError and `archive.ArchiveError`.
    """
    if not run_dirs:
        raise PoolingError("name at least one run.")
    manifests = [archive.read_manifest(run_dir) for run_dir in run_dirs]
    for first, other in combinations(manifests, 2):
        _poolable(first, other)
    archives = Archives(manifests, {}, {}, {}, [], [], sum(len(m.cells) for m in manifests))
    blocks, home = 0, run_dirs[0].resolve()
    for run_dir, manifest, prefix in zip(run_dirs, manifests, _prefixes(manifests), strict=True):
        records = archive.read_cells(run_dir)
        for record in records:
            name = prefix + record.id
            directory = archive.cell_directory(run_dir, record.id)
            target = target_of(manifest.plan, record.scenario)
            samples, readings = (
                archive.directory_samples(directory),
                archive.read_lines(directory / "probes.jsonl"),
            )
            summary = summarise_cell(record, samples, target.p99_us, readings)
            # from the report's own folder, whose name may change
            place = Path(os.path.relpath(directory.resolve(), home)).as_posix()
            archives.cells[name] = summary.model_copy(
                update={"id": name, "block": record.block + blocks, "directory": f"{place}/"}
            )
            archives.records[name] = record
            archives.directories[name] = directory
        archives.searches.extend(archive.read_searches(run_dir))
        archives.sameness.extend(archive.read_sameness(run_dir) or [])
        blocks += max((record.block for record in records), default=0)
    return archives


def _prefixes(manifests: Sequence[Manifest]) -> list[str]:
    """What tells the cells of one run from those of another; runs of two folders may have one name."""
    if len(manifests) == 1:
        return [""]
    names = [manifest.run for manifest in manifests]
    counts = [names[:number].count(name) for number, name in enumerate(names)]
    return [
        f"{name}:" if not count else f"{name}({count + 1}):"
        for name, count in zip(names, counts, strict=True)
    ]


def _poolable(first: Manifest, other: Manifest) -> None:
    if (first.run, first.created_unix_s) == (other.run, other.created_unix_s):
        raise PoolingError(f"{first.run} is named twice; a run cannot be pooled with itself.")
    for what, ours, theirs in (
        ("machine", first.machine_id, other.machine_id),
        ("plan", first.plan_id, other.plan_id),
        ("code", first.code_id, other.code_id),
        *(
            (f"code of {label}", code, other.own_code.get(label, code))
            for label, code in first.own_code.items()
        ),
        *(
            (f"revision of {label}", commit, other.revisions.get(label, commit))
            for label, commit in first.revisions.items()
        ),
        *(
            (f"Python of {label}", _told(runtime), _told(other.runtimes.get(label, runtime)))
            for label, runtime in first.runtimes.items()
        ),
    ):
        if ours != theirs:
            raise PoolingError(
                f"{first.run} and {other.run} differ in their {what} ({_short(ours, theirs)}) and are "
                f"not pooled; compare them with 'twins compare'."
            )


def _told(runtime: Runtime) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in runtime.packages.items())
    return f"{runtime.implementation} {runtime.python}, GIL {'on' if runtime.gil else 'off'}, {packages}"


def _short(ours: str, theirs: str) -> str:
    """Two texts from where they begin to differ."""
    same = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), 0)
    begin = ours.rfind(", ", 0, same) + 1
    return ", ".join(text[begin:].strip().partition(", ")[0][:40] for text in (ours, theirs))
