# demo, test, check, bench, prove, image: the same here, on a laptop and in CI.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check format docs bench prove image lock clean

$(READY): pyproject.toml requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	$(BIN)/relay demo --events 2000

# Two workers a core: most tests wait for a process, a disk or a clock.
WORKERS ?= $(shell echo $$(($$(nproc 2>/dev/null || echo 2) * 2)))
test: $(READY)
	$(BIN)/python -m pytest -m "not prove" -n $(WORKERS) --dist worksteal

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pages that are made from tables in the code; `make test` says when they are out of step.
docs: $(READY)
	$(BIN)/python tests/docs/generate.py

# Minutes of faults and kills, and ten times the examples; `make test` runs a short form of each.
prove: $(READY)
	$(BIN)/python -m pytest -m prove --timeout 1800
	$(BIN)/python -m pytest --hypothesis-profile prove --timeout 1800 \
		tests/property tests/contract/test_schemathesis.py

# CPU time per event beside a bare application, interleaved; see tests/bench/bench.py.
bench: $(READY)
	$(BIN)/python tests/bench/bench_mapping.py
	$(BIN)/python tests/bench/bench.py

IMAGE ?= customerio-aep-relay
BASE_IMAGE ?= python:3.11-slim-bookworm
image:
	docker build --build-arg BASE_IMAGE=$(BASE_IMAGE) -t $(IMAGE) .

# Versions and hashes only: where to download from is the machine's own matter.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header \
	--no-annotate --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
lock: $(READY)
	$(COMPILE) --output-file requirements.txt pyproject.toml
	$(COMPILE) --extra dev --output-file requirements-dev.txt pyproject.toml
	$(COMPILE) --only-build-deps --build-deps-for wheel --output-file requirements-build.txt pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
