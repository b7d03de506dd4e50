# Everything starts from a fresh machine with git, make and Python 3.11 or newer:
# the first target that needs it makes a virtual environment in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# Three test processes for two cores: each waits now and then, and each takes seconds to collect the tests.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((3 * (os.cpu_count() or 1) + 1) // 2)')
# To remove files while others are made costs ext4 a tenth of the suite's time: it looks for inodes that were not
# freed lately. All files of a run take 6 GB. The next run removes them.
KEPT ?= $(shell $(PYTHON) -c 'import shutil, tempfile; print("all" if shutil.disk_usage(tempfile.gettempdir()).free > 20 << 30 else "failed")')
LIVES ?= 300
EXAMPLES ?= 1000
FAULTS ?= 0
CLIENTS ?= 32
SECONDS ?= 180
PUSHES ?= 10000
KILLS ?= 200

.PHONY: help setup demo test test-ray test-real accept users check lint types format docs bench kill settings combinations compat faults flips properties workers load stress crashes life clean

help:            ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/	/' | expand -t 14

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("gitstore needs Python 3.11 or newer; say make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(READY) ## make .venv with gitstore, all its tools, and the wheels that tests install
	$(BIN)/python -m tests.support.wheels

demo: $(READY)  ## the whole story on real data, narrated
	$(BIN)/gitstore demo

test: $(READY)  ## the tests
	$(PYTEST) -n $(WORKERS) --dist worksteal -o tmp_path_retention_policy=$(KEPT)

test-real: $(READY) ## models of ONNX and scikit-learn: derived, cloned, evaluated; fetches 90 MB of packages once
	$(BIN)/python -m tests.support.wheels --real
	$(PYTEST) --real tests/real

test-ray: $(READY) ## evaluations on a Ray cluster of two nodes, which it starts and stops
	$(PYTEST) --ray tests/launchers -m "only_with"

accept: $(READY) ## write tests/cli/golden/ anew, with the messages that commands print now; then look at the difference
	$(PYTEST) -q -n $(WORKERS) tests/cli/test_golden.py -k test_messages --accept
	@git --no-pager diff --stat -- tests/cli/golden

users: $(READY) ## the tests that meet permissions, as an ordinary user where root can become one, and with umask 077
	$(BIN)/python -m tests.users

check: lint types users test-ray combinations test ## what must be clean before a commit

lint: $(READY)  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy sees the package as it is installed: cli/ and hooks/ inside gitstore/.
types: $(READY) ## mypy --strict
	@rm -rf build/types && mkdir -p build/types/gitstore
	@for entry in gitstore/*; do ln -s "$(CURDIR)/$$entry" build/types/gitstore/; done
	@ln -s "$(CURDIR)/cli" "$(CURDIR)/hooks" build/types/gitstore/
	@ln -s "$(CURDIR)/tests" build/types/tests
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p gitstore -p tests

format: $(READY) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## write docs/cli.md and docs/json.md from the commands
	$(BIN)/python -m gitstore.cli.manual > docs/cli.md.new
	@mv docs/cli.md.new docs/cli.md
	$(BIN)/python -m gitstore.cli.render.shapes.schema > docs/json.md
	$(BIN)/python -m gitstore.cli.render.shapes.schema --schema > docs/json.schema.json

bench: $(READY) ## against git, git-lfs, DVC, restic, borg, Oxen, where installed
	$(BIN)/python -m tests.bench

flips: $(READY)  ## flip one bit in each byte of a small repository, in turn: verify tells it, or nothing changes
	$(PYTEST) --flips 0 tests/whole/test_flips.py tests/objects/test_database.py

properties: $(READY) ## what holds for any data holds for 1,000 random ones, others each time; make properties EXAMPLES=100 for fewer
	$(PYTEST) -n auto -m hypothesis --examples $(EXAMPLES)

kill: $(READY)  ## kill -9 each writing command at random instants, 100 times
	$(PYTEST) --kills 100 --combinations tests/whole/test_crash.py tests/whole/test_kills.py tests/cli/test_removal.py tests/snapshots/test_restore_losses.py \
		tests/store/receive/test_reconcile.py tests/automation/test_store_place_kills.py \
		-k "kill or instant"

settings: $(READY) ## each setting and variable of git that could do harm, for itself; minutes
	$(PYTEST) --each-setting tests/compat/test_git_settings.py

combinations: $(READY) ## what make test has a sample of: large matrices, kills, what takes seconds
	$(PYTEST) -n $(WORKERS) --dist worksteal --combinations -m only_with

compat: $(READY) ## what compares with stock git; GITSTORE_TEST_GIT=/path/to/git picks another one
	$(PYTEST) tests/compat tests/git/test_discovery.py tests/git/test_worktrees.py

faults: $(READY) ## each system call of each writing command fails, or is its last; hours; make faults FAULTS=20 for a sample
	$(PYTEST) -n auto tests/whole/test_faults.py --faults $(FAULTS)

workers: $(READY) ## operations, with each worker started as the product starts it
	$(PYTEST) --real-starts tests/run tests/workingcopy/test_candidate.py \
		tests/cli/test_models.py

load: $(READY)  ## 32 clients of a store at once, for three minutes, over ssh and HTTP; make load CLIENTS=8 SECONDS=20 for less
	$(PYTEST) -s --real-starts tests/whole/test_store_load.py --clients $(CLIENTS) --seconds $(SECONDS)

stress: $(READY) ## 10,000 small pushes to a store; make stress PUSHES=500 for fewer
	$(PYTEST) -s --real-starts tests/whole/test_store_stress.py --pushes $(PUSHES)

crashes: $(READY) ## kill -9 processes of 200 pushes to a store, by path, ssh and HTTP, and its worker; make crashes KILLS=40 for fewer
	$(PYTEST) --combinations tests/whole/test_store_crashes.py --crashes $(KILLS)

life: $(READY)  ## 300 random lives of a model against plain Python; make life LIVES=20 for fewer
	$(PYTEST) tests/life --lives $(LIVES)

clean:           ## remove what make made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
