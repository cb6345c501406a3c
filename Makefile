# `make repro`: from a fresh clone to the report.  `make release`: that run as one file for an archive; runs no stage.
# `make test`, `make lint`: what CI runs.
PYTHON ?= python3
# Cells at a time. Set JOBS=1 for a model that fills the memory or the GPU.
JOBS ?= 2
VENV := .venv
READY := $(VENV)/.ready
# DVC runs the stages with the first `python` on the path. Threads that wait by spinning make torch several times slower
# on a machine that has other work to do.
RUN := PATH="$(CURDIR)/$(VENV)/bin:$$PATH" OMP_WAIT_POLICY=passive

.PHONY: repro release test lint
.DEFAULT_GOAL := repro

repro: $(READY)
	@$(RUN) python -m pipeline.abreast --jobs $(JOBS)
	@echo "The report is in results/report/index.html"

release: $(READY)
	@$(RUN) python -m pipeline.release

test: $(READY)
	@$(RUN) python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(READY)
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

# Written last, so that an interrupted installation starts over
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Head Atlas needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; name one with: make PYTHON=python3.12")'
	@test ! -L $(VENV) || { echo "$(VENV) is a link: installing would empty what it points to; remove the link"; exit 1; }
	@echo "Installing requirements.lock into $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@
