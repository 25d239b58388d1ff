"""Puts back what requests have changed, by commands of the plan, before a server starts."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtests.lab.servers.readback import Unmeasurable
from loadtests.model.inherited import inherited
from loadtests.subjects.own import command_lines

LIMIT_S = 600.0


def freshen(
    commands: Sequence[Sequence[str]],
    python: str,
    environment: Mapping[str, str],
    folder: Path | None,
    log: Path,
) -> None:
    """Run the commands one after the other, their output to `log`; raises Unmeasurable where one fails."""
    for command in commands:
        words = command_lines.filled(command, {"python": python})
        try:
            with log.open("ab") as output:
                done = subprocess.run(  # noqa: S603 - the plan's own command, no shell
                    words,
                    cwd=folder,
                    env={**inherited(), **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=LIMIT_S,
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unmeasurable(f"fresh: {words[0]} did not run: {error}") from None
        if done.returncode:
            raise Unmeasurable(f"fresh: {words[0]} ended with exit status {done.returncode}")
