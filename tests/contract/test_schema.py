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
LEFT_OUT = {"granian-wsgi": ("--exclude-checks=negative_data_rejection",)}
"""It hands on a value with bytes above ASCII as empty, and an empty one is right (docs/limits.md)."""
CONFIGURATION = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "5xx"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "412", "414", "415", "422", "428", "5xx"]
"""  # 412: a condition does not hold, which is no fault of the request; 414: a name is too long


@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("name", DEEP)
def test_the_contract_is_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "file.txt").write_bytes(b"text")
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION)
    with running(name, tmp_path / "files", environment={"TWINS_TOKEN": "t"}) as server:
        done = subprocess.run(  # noqa: S603
            [
                str(Path(sys.executable).with_name("schemathesis")),
                f"--config-file={configuration}",
                "run",
                f"{server.url}/openapi.json",
                "--checks=all",
                *LEFT_OUT.get(name, ()),
                "--max-response-time=60",
                "--phases=examples,coverage,fuzzing",
                f"--max-examples={EXAMPLES}",
                "--request-timeout=60",
                "--header=Authorization: Bearer t",
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
