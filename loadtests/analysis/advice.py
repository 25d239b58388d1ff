"""What to do next: the commands that would settle what is undecided, or lead on from what is settled."""

import shlex
from collections.abc import Sequence

from loadtests.analysis.answers import Answer
from loadtests.analysis.differences import Outcome
from loadtests.model.records import Manifest, Record

MOST_BLOCKS = 30
BUSY: tuple[Outcome, ...] = ("generator-limited", "at least", "at most")


class NextStep(Record):
    """`command` works as printed, where the run was begun."""

    text: str
    command: str


def advice(manifest: Manifest, answers: Sequence[Answer]) -> list[NextStep]:
    """The next steps, the most useful first."""
    again = _again(manifest)
    found = []
    open_ = [answer for answer in answers if answer.verdict == "inconclusive" and answer.blocks_needed]
    if open_:
        blocks = max(answer.blocks + (answer.blocks_needed or 0) for answer in open_)
        if blocks <= MOST_BLOCKS and " run " not in f"{again} ":
            text = "settle what is undecided, with more blocks"
            found.append(NextStep(text=text, command=f"{again} --set blocks={blocks}"))
    if any(answer.verdict in BUSY for answer in answers):
        text = "see whether this machine is quiet enough for the load generator"
        found.append(NextStep(text=text, command="twins doctor"))
    if manifest.quick and not open_:
        found.append(
            NextStep(text="measure longer, for an answer that lasts", command="twins suite standard")
        )
    if all(step.command != again for step in found):
        found.append(NextStep(text="repeat this run", command=again))
    return found


def _again(manifest: Manifest) -> str:
    """The command that repeats the run: its plan's file or name, or the words of a single measurement."""
    if len(manifest.command) > 1 and manifest.command[1] == "run":
        return shlex.join(["twins", *manifest.command[1:]])
    file = next((word for word in manifest.command if word.endswith(".toml")), None)
    return f"twins suite {shlex.quote(file or manifest.plan_name)}"
