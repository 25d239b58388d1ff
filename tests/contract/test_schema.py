"""Schemathesis over the contract: what the document says is what both faces answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import brief_waits
from tests.contract.conftest import DEEP
from tests.servers import running

EXAMPLES = 200 if os.environ.get("TWINS_TORTURE") else 5  # an operation
LIMIT_S = 600
LEFT_OUT = (
    "positive_data_acceptance"  # a well-formed condition, cursor or name may still be refused: 412, 400
)


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("name", DEEP)
def test_the_contract_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(b"text")
    with running(name, tmp_path, environment={"TWINS_TOKEN": "t"}) as server:
        done = subprocess.run(  # noqa: S603
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{server.url}/openapi.json",
                "--checks=all",
                f"--exclude-checks={LEFT_OUT}",
                "--max-response-time=60",
                "--phases=examples,coverage,fuzzing",
                f"--max-examples={EXAMPLES}",
                "--request-timeout=60",
                "--header=Authorization: Bearer t",
                "--exclude-path=/stream",  # some streams that may be asked for last for weeks
                "--generation-deterministic",
                "--suppress-health-check=filter_too_much",  # of how examples are made, not of the service
                "--continue-on-failure",
                "--workers=1",  # Python 3.11 cannot parse in several threads: "recursion depth mismatch"
                "--warnings=off",
                "--no-color",
            ],
            cwd=tmp_path,
            env=os.environ | {"SCHEMATHESIS_HOOKS": brief_waits.__file__},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert done.returncode == 0, done.stdout + done.stderr
