"""`make accept faults`: every fault suite in full, and what was lost of each family: nothing may be."""

import os
import sys

import pytest

os.environ["TWINS_TORTURE"] = "1"  # read when the suites are imported

from tests import tally
from tests.acceptance.figures import end, show


def main() -> None:
    code = pytest.main(["tests/faults", "-q", *sys.argv[1:]])
    for (family, server), count in tally.COUNTS.items():
        show(f"{family}, {server}: lost of {count.tried:,}", count.tried - count.survived, 0, at_least=False)
    if not tally.COUNTS:
        sys.exit("No fault was tried.")
    show("failed suites", int(code != 0), 0, at_least=False)
    end()


if __name__ == "__main__":
    main()
