"""From verdicts to pages: pure functions of the archive; no figure is made here, only shown."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.analysis.run_comparison import Change, CompareError
from loadtests.analysis.summary import against, build
from loadtests.report.writing import FORMATS, write

__all__ = ["FORMATS", "Compared", "compare", "sentences", "told", "write_report"]


def write_report(run_dirs: Sequence[Path], formats: Collection[str] = FORMATS) -> list[Path]:
    """Write the report of one run, or of several pooled, into the first one's directory.

    Returns the files, the page first. Raises FormatError and `archive.ArchiveError`, each one sentence.
    """
    return write(build(run_dirs), run_dirs[0], formats)


def sentences(run_dir: Path) -> list[str]:
    """One plain sentence for each scenario of the run; of an invalid run, why it gives no answer."""
    summary = build([run_dir])
    reasons = [f"no answer: {reason}." for reason in summary.reasons]
    unequal = [f"{looked.sentence}." for looked in summary.sameness if not looked.alike]
    return [*reasons, *unequal, *(sentence.text for sentence in summary.sentences)]


def told(run_dir: Path) -> list[str]:
    """The headline, which notes bear on it, and the sentences: what a terminal shows of a run."""
    summary = build([run_dir])
    reasons = [f"no answer: {reason}." for reason in summary.reasons]
    return [summary.headline, summary.trust, *reasons, *(sentence.text for sentence in summary.sentences)]


@dataclass(frozen=True)
class Compared:
    """A new run held against a base: the page and the document, and what changed, the worst first."""

    written: list[Path]
    changes: list[Change]


def compare(base: Path, new: Path, *, force: bool = False) -> Compared:
    """Write a comparison of the new run with the base into the new run's directory.

    Raises CompareError for different machines, quick runs (unless forced) and runs that share no point.
    """
    before = build([base])
    summary = against(before, build([new]), force=force)
    comparison = summary.comparison
    if comparison is None or not comparison.changes:
        raise CompareError(
            f"{before.runs[0].run} and {summary.runs[0].run} share no server in the same scenario at the "
            f"same level, so that nothing can be compared: {', '.join(sorted(before.points))} in one, "
            f"{', '.join(sorted(summary.points))} in the other."
        )
    stem = f"compare-{before.runs[0].run}"
    names = {"html": f"{stem}.html", "json": f"{stem}.json"}
    return Compared(write(summary, new, ("html", "json"), names), comparison.changes)
