#!/usr/bin/env bash
# What: pytest-xdist's `--dist loadgroup` no longer keeps together what is marked with `xdist_group`: each test goes
#   to whichever process is free, without a word. A good guess: tests of one mark run in one process, as its
#   documentation says. xdist writes the group into `item._nodeid`, which pytest no longer reads.
# Versions: pytest-xdist 3.8.0 with pytest 9.2.0; as documented with pytest 9.0.3.
# Seen: eight tests of one mark over two processes: one process under pytest 9.0.3, two under 9.2.0.
# For Twins: tests/groups.py gives xdist's scheduler of scopes a group that is read from a test's id.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > test_marked.py <<'EOF'
import time
import pytest

pytestmark = pytest.mark.xdist_group("together")


@pytest.mark.parametrize("number", range(8))
def test_one(number):
    time.sleep(0.3)
EOF

processes() {
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check "pytest==$1" pytest-xdist==3.8.0
    timeout 120 "$1/bin/python" -m pytest -v -n 2 --dist loadgroup -p no:cacheprovider test_marked.py > "$1.txt"
    grep -o '^\[gw[0-9]*\]' "$1.txt" | sort -u | wc -l
}

before=$(processes 9.0.3)
now=$(processes 9.2.0)
echo "processes that ran the tests of one group: pytest 9.0.3: $before, pytest 9.2.0: $now"
[ "$before" = 1 ] && [ "$now" = 2 ]
