# Two commands on a fresh machine: `make demo` and `make test`. They set up .venv with locked versions by themselves.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready
PROVE := .venv/.prove
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock

.PHONY: demo test prove lint clean forget-demo lock

demo: $(READY)
	$(BIN)/tactful demo

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not prove"

prove: $(PROVE)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m prove

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(INSTALL) --editable '.[dev]'
	touch $@

# What only the long evidence needs, and what is large: Spark takes 491 MB on disk.
$(PROVE): $(READY)
	$(INSTALL) --editable '.[dev,spark]'
	touch $@

# What was installed and cached; no store. Books about people are never part of a clean.
clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Resolve pyproject.toml anew. Needs pip-tools, which the dev extra has.
lock: $(READY)
	$(BIN)/python -m piptools compile --extra dev --extra spark --strip-extras --no-annotate \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-header --quiet --upgrade --output-file requirements.lock pyproject.toml
	sed -i '/^tactful @/d' requirements.lock

# The demo's population is a published data set, whose budget may start anew. Only for that: refuses if a model of another
# name is in the books.
forget-demo: $(READY)
	$(BIN)/tactful demo --forget
