"""The command `twins`: serve, measure, report. Each command stands in a module of `loadtests.commands`.

Exit codes: 0 ok · 1 a gate failed · 2 a mistake in the command line or the plan · 3 a requested result could
not be measured · 4 a gate is inconclusive · 70 a fault in this program · 130 interrupted, and resumable.
"""

import errno
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from loadtests.archive import ArchiveError
from loadtests.commands import (
    atlas,
    duelling,
    listing,
    machine,
    measuring,
    plans,
    reporting,
    sameness,
    serving,
)
from loadtests.lab.journal import Busy
from loadtests.lab.plan import PlanError
from loadtests.lab.processes import StartError
from loadtests.lab.servers.readback import Unmeasurable
from loadtests.subjects.registry import SUBJECT

WITHOUT_DOCSTRINGS = (
    "PYTHONOPTIMIZE=2 (or -OO) takes docstrings away, and Altair, which draws the charts, reads its own: "
    "unset it, or set it to 1."
)
FAULT = "this is a fault in twins, not in what you asked for; please report it."
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MISTAKES: tuple[type[Exception], ...] = (PlanError, ArchiveError, *SUBJECT.mistakes)
USAGE, UNMEASURED, INTERNAL, INTERRUPTED = 2, 3, 70, 130

START = """\
Twins measures servers side by side: WSGI and ASGI, its own two or yours.

  twins suite quick            four servers in four minutes, with a report
  twins run download-small --server asgi-uvicorn
  twins duel "COMMAND" "COMMAND"   your own two; twins init writes a plan of them
  twins list servers           what there is; also scenarios, plans, runs
  twins doctor                 whether this machine can be trusted to measure
  twins --help                 all commands\
"""
SERVE, MEASURE, READ = "Serve", "Measure", "Read what was measured"

app = typer.Typer(
    help="One service, twice: WSGI and ASGI, measured side by side.",
    epilog="Begin with: twins suite quick. Each command has a help of its own: twins suite --help.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for panel, commands in {
    MEASURE: (
        *(measuring.suite, duelling.duel, measuring.run, sameness.same),
        *(atlas.atlas, machine.doctor, machine.calibrate),
    ),
    READ: (reporting.report, reporting.compare, reporting.check, reporting.export, listing.schema),
    SERVE: (serving.serve, *SUBJECT.commands),
}.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
app.command(name="list", rich_help_panel=READ)(listing.list_known)
app.command(name="init", rich_help_panel=MEASURE)(plans.begin)
app.add_typer(plans.app, name="plan", rich_help_panel=MEASURE)


@app.callback()
def begin(
    context: typer.Context,
    show_version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if show_version:
        print(f"twins {version('wsgi-asgi-twins')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(START)


def main() -> None:
    """The console script."""
    if sys.flags.optimize > 1:  # told before anything is measured, and not by its report
        sys.exit(_say(WITHOUT_DOCSTRINGS, USAGE))
    sys.exit(guarded(app))


def guarded(command: Callable[[], object]) -> int:
    """Run a command; its exit code, and one plain sentence on standard error for every mistake."""
    try:
        command()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except MISTAKES as error:
        return _say(str(error), USAGE)
    except (Busy, StartError, Unmeasurable) as error:
        return _say(str(error), UNMEASURED)
    except KeyboardInterrupt:
        return _say("interrupted.", INTERRUPTED)
    except BrokenPipeError:
        return 0  # the reader of our output has seen enough
    except OSError as error:
        if error.errno in FORBIDDEN and error.filename:
            return _say(f"{error.filename} cannot be read or written: {error.strerror}.", USAGE)
        if error.errno not in NO_ROOM:
            traceback.print_exc()
            return _say(FAULT, INTERNAL)
        where = f" to write {error.filename}" if error.filename else ""
        return _say(
            f"there is no room left{where} ({error.strerror}); what was finished is kept. "
            "Make room; a suite goes on with: twins suite --resume RUN",
            UNMEASURED,
        )
    except Exception:
        traceback.print_exc()
        return _say(FAULT, INTERNAL)
    return 0


def _say(text: str, code: int) -> int:
    print(f"twins: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
