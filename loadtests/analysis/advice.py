"""What to do next: the commands that would settle what is undecided, or lead on from what is settled."""

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
    plan = manifest.plan_name
    found = []
    open_ = [answer for answer in answers if answer.verdict == "inconclusive" and answer.blocks_needed]
    if open_:
        blocks = max(answer.blocks + (answer.blocks_needed or 0) for answer in open_)
        if blocks <= MOST_BLOCKS:
            text = "settle what is undecided, with more blocks"
            found.append(NextStep(text=text, command=f"twins suite {plan} --set blocks={blocks}"))
    if any(answer.verdict in BUSY for answer in answers):
        text = "see whether this machine is quiet enough for the load generator"
        found.append(NextStep(text=text, command="twins doctor"))
    if manifest.quick and not open_:
        found.append(
            NextStep(text="measure longer, for an answer that lasts", command="twins suite standard")
        )
    again = f"twins suite {plan}"
    if all(step.command != again for step in found):
        found.append(NextStep(text="repeat this run", command=again))
    return found
