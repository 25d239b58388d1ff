"""A run goes on only as it was begun."""

from pathlib import Path

import pytest

from loadtests import archive
from loadtests.lab import runs
from loadtests.lab.plan import PlanError
from loadtests.lab.planfile import find_plan, read_plan


@pytest.mark.parametrize(
    ("field", "what"), [("plan_id", "the plan"), ("code_id", "the code"), ("machine_id", "the machine")]
)
def test_what_changed_since_it_was_begun_is_named(tmp_path: Path, field: str, what: str) -> None:
    begun = runs.create(read_plan(find_plan("quick")), "quick", tmp_path, ["twins"], None)
    assert runs.reopen(begun.directory, force=False).plan.model_dump() == begun.plan.model_dump()
    changed = begun.manifest.model_copy(update={field: "another"})
    archive.write_record(begun.directory / archive.MANIFEST, changed)
    with pytest.raises(PlanError, match=rf"not resumed: {what} changed since it was begun"):
        runs.reopen(begun.directory, force=False)
    assert runs.reopen(begun.directory, force=True).directory == begun.directory
