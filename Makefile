# Two commands do everything: `make run` and `make test`. Each sets up what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never

.PHONY: help run test setup check bench load sim docs screenshots lock clean

help:  ## What there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*##/\t/' | expand -t 10

run: $(VENV)/.runtime  ## Start the exchange on http://127.0.0.1:8080 with a live demo market
	@$(BIN)/bwx serve --demo

test: $(VENV)/.dev  ## Run every test but for those that `make sim` runs
	@$(BIN)/python tests/browser/find_browser.py
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -q -m "not sim"

setup: $(VENV)/.dev  ## Install what development needs

check: $(VENV)/.dev  ## Format, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: $(VENV)/.dev  ## Measure every part beside its baseline; QUICK=1 for less, COMPARE=earlier.json, REFERENCE=path of another book
	@$(BIN)/python -m load_tests.bench --document docs/PERFORMANCE.md $(if $(QUICK),--quick --rounds 2) $(if $(COMPARE),--compare $(COMPARE)) $(if $(REFERENCE),--reference $(REFERENCE))

load: $(VENV)/.dev  ## A minute of everybody who comes to a market, against an exchange of its own; with SECONDS=300 USERS=80 more of it
	@$(BIN)/python -m load_tests.load $(if $(SECONDS),--seconds $(SECONDS)) $(if $(USERS),--users $(USERS)) $(if $(WORKERS),--workers $(WORKERS))

sim: $(VENV)/.dev  ## The long simulations: kernels with bounds checks and as plain Python, thousands of crashes, every fault of a disk, every bit, generated markets, a million wrong inputs; with MINUTES=60 (SEED=7) a hunt in fresh worlds for so long
ifdef MINUTES
	@$(BIN)/python -m tests.simulation.hunt --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))
else
	@BWX_SIM_KILLS=1000 BWX_SIM_SEEDS=200 BWX_SIM_FLIPS=all BWX_SIM_FAULTS=all BWX_SIM_STREAM_S=600 BWX_SIM_CUTS=1000 BWX_SIM_FUZZ=1000000 BWX_SIM_CASES=100 BWX_SIM_WINDOWS=840 BWX_HYPOTHESIS_PROFILE=thorough $(BIN)/pytest -q --timeout 7200 tests/simulation tests/matching tests/exchange/venue tests/gateway/client/test_streams.py tests/gateway/fuzz tests/gateway/description tests/browser/test_heat_map.py
endif

docs: $(VENV)/.dev  ## Write the reference of the command line again
	@$(BIN)/python -m typer gateway.cli utils docs --name bwx --output docs/cli.md

screenshots: $(VENV)/.dev  ## Take the pictures in docs/ again, of a demo that traded for some minutes; with MINUTES=20 for longer
	@$(BIN)/python -m tests.browser.screenshots $(if $(MINUTES),--minutes $(MINUTES))

lock:  ## Pin the dependencies again
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock' pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --custom-compile-command 'make lock' pyproject.toml --group dev -o requirements/dev.txt
	@echo "uv>=0.13,<0.14" | $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-annotate --custom-compile-command 'make lock' - -o requirements/uv.txt

clean:  ## Remove what was installed and built here
	@rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/bin/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "bwx needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(VENV)/bin/uv
	@echo "installing what the exchange needs"
	@test -e $(VENV)/.dev || $(BIN)/uv pip sync -q --python $(BIN)/python requirements/runtime.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/uv
	@echo "installing what development needs"
	@$(BIN)/uv pip sync -q --python $(BIN)/python requirements/dev.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --editable .
	@touch $@ $(VENV)/.runtime
