# Two commands on a machine with Python, pip and make: `make compare` and `make test`.

# PYTHON names the interpreter to install with; without it the first that fits is taken (.ci/python).
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: compare test check torture simulate accept serve-wsgi serve-asgi lock clean

compare: $(STAMP)
	$(BIN)/twins suite quick

# Most tests wait for a server, so that more processes run than there are cores (see tests/groups.py); those
# marked `alone` want the machine for themselves, and come last, when all else has ended. Collecting takes twice
# the time without cached bytecode.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest
SIDE_BY_SIDE := --dist loadscope --no-loadscope-reorder
ALONE = $(shell grep -rl --include='test_*.py' 'mark[.]alone' tests)
# Status 1 says that tests failed, and any other that the run itself did.
AGAIN = { test $$? = 1 && echo "make test: what failed beside others is tried once more, alone" && \
	$(PYTEST) --last-failed --last-failed-no-failures none; }

test: $(STAMP)
	$(PYTEST) -m "not alone" -n 4 $(SIDE_BY_SIDE) --durations=10 || $(AGAIN)
	$(PYTEST) -m alone --durations=10 $(ALONE) || $(AGAIN)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

torture: export TWINS_TORTURE = 1
torture: export TWINS_TALLY = results/torture.jsonl
torture: $(STAMP)
	rm -f $(TWINS_TALLY)
	$(PYTEST) -m "not alone" -n 3 $(SIDE_BY_SIDE)
	$(PYTEST) -m alone $(ALONE)

simulate: $(STAMP)
	$(BIN)/python -m tests.acceptance.simulate

# make accept NAME: prints every acceptance figure of one area, such as `make accept downloads`
accept: AREA = $(filter-out accept,$(MAKECMDGOALS))
accept: $(STAMP)
	@grep -qs __main__ "tests/acceptance/$(AREA).py" || { echo "make accept NAME: '$(AREA)' is none of" \
		$$(basename -s .py $$(grep -l __main__ tests/acceptance/*.py)) >&2; exit 2; }
	$(BIN)/python -m tests.acceptance.$(AREA)

serve-wsgi: $(STAMP)
	$(BIN)/python -m wsgi_app

serve-asgi: $(STAMP)
	$(BIN)/python -m asgi_app

$(STAMP): requirements.lock pyproject.toml
	@mkdir -p $(VENV) 2>/dev/null && test -w $(VENV) -a -w . || { echo "make: $(CURDIR) cannot be written," \
		"and Twins is installed into it: copy it to a folder that can be." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { python=$$(sh .ci/python "$(PYTHON)") && \
		echo "$$python -m venv $(VENV)" && \
		"$$python" -m venv $$(test -f $(VENV)/pyvenv.cfg && echo --clear) $(VENV); }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# needs uv; the lock names no index, so that every installation uses its own
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info

# the name given to `make accept` is no target of its own
%:
	@$(if $(filter accept,$(MAKECMDGOALS)),true,echo "make: no target named $@" >&2; exit 2)
