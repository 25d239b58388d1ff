"""The run in one sentence: whatever comes of a question, it is told."""

from pathlib import Path
from typing import get_args

import pytest

from loadtests import archive
from loadtests.analysis.differences import Outcome
from loadtests.analysis.headline import headline
from loadtests.analysis.summary import build
from tests.report.synthetic import Run, primary, write

ASKED = (primary("asgi-uvicorn", "wsgi-gthread", "process-wait", 32),)
RUN = Run(primaries=ASKED, users=(32,), measure_s=1, blocks=3)
OUTCOMES = [outcome for outcome in get_args(Outcome) if outcome != "same run"]  # of two runs, not two servers


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("results"), RUN)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_of_a_question_is_told(run: Path, outcome: Outcome) -> None:
    summary = build([run])
    (answer,) = summary.answers
    answer = answer.model_copy(update={"verdict": outcome, "ratio": answer.ratio or 1.0})
    text = headline(archive.read_manifest(run), [answer], summary.sides, valid=True)
    assert "process-wait" in text
    assert text.endswith(".")
    assert ": ." not in text
