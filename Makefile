# make demo: virtual meters, a broker and the daemon, until Ctrl-C.
# make test: linters, types and all tests.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := setup.py $(shell find dlmsd etc/profiles twisted -type f -not -name '*.pyc' -not -name dropin.cache)

.PHONY: demo test clean

demo: .venv/demo.stamp
	@$(BIN)/dlmsd demo

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests

# Not editable: twistd would not find the plugin. Not from a kept build/: deleted modules
# would come back.
.venv/%.stamp: $(SOURCES) | .venv/bin/pip
	@echo "Installing dlmsd and what it needs into .venv ..."
	@rm -rf build dlmsd.egg-info
	@$(BIN)/pip install --quiet --disable-pip-version-check '.[demo$(if $(filter test,$*),$(comma)test)]'
	@rm -rf build dlmsd.egg-info
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dlmsd needs Python 3.11 or newer: make PYTHON=python3.x")'
	@$(PYTHON) -m venv .venv

clean:
	rm -rf .venv build dlmsd.egg-info var _trial_temp*

comma := ,
