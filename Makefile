# Every chore of the project, one obvious way each. `make` alone explains them.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-check test nightly lint bench lock browser words clean

PYTHON_BIN := .venv/bin/python
# Stamps: a set-up that is up to date costs nothing, an edit of what it was made from renews it.
INSTALLED := .venv/ready
READY := .venv/front-end
SETUP_INPUTS := pyproject.toml $(wildcard requirements*.lock) package.json package-lock.json .npmrc \
	scripts/setup.sh scripts/front_end.py
# static/vendor/tokens.css holds just the design tokens that these name.
STYLED := $(shell find static templates sandbox/static sandbox/templates -type f \
	-not -path 'static/vendor/*' 2>/dev/null)
# What the pages say in other languages.
WORDS := $(wildcard translations/*/LC_MESSAGES/messages.po)
# Files of tests that run beside each other: they wait for processes for most of their time.
PROCESSES := 5
# More arguments for pytest, the demo or the benchmarks: make test ARGS="-k merge"
ARGS ?=

# Some images forbid it; then every process, of the hundreds that tests start, compiles the product.
unexport PYTHONDONTWRITEBYTECODE

# An environment made in another folder (a copied or moved clone) is made anew.
ifneq ($(shell cat .venv/home 2>/dev/null),$(CURDIR))
.PHONY: $(INSTALLED)
endif
# So is what was deleted by hand.
ifneq ($(words $(wildcard node_modules/.tandem-stamp static/vendor/tokens.css)),2)
.PHONY: $(READY)
endif

help: ## what each target does (this text)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  Each makes .venv by itself when it is needed. PYTHON=python3.12 make setup picks the Python,'
	@echo '  ARGS="..." goes on to pytest, the demo and the benchmarks.'

$(INSTALLED): $(SETUP_INPUTS)
	@scripts/setup.sh

$(READY): $(INSTALLED) $(STYLED) $(WORDS)
	@$(PYTHON_BIN) scripts/front_end.py >.venv/front-end.log
	@.venv/bin/pybabel --quiet compile --directory translations
	@touch $@

setup: $(READY) ## .venv and the front end's packages, from the lock files
	@:

demo: $(READY) ## two Jira sites with Tandem between them, to try by hand
	@$(PYTHON_BIN) -m demo $(ARGS)

demo-check: $(READY) ## the same walk without hands; ends with one line of JSON
	@$(PYTHON_BIN) -m demo check $(ARGS)

test: $(READY) browser ## every test but the long ones
	$(PYTHON_BIN) -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder \
		$(ARGS)

nightly: $(READY) browser ## the long tests
	$(PYTHON_BIN) -m pytest -m nightly $(ARGS)
	$(PYTHON_BIN) -m pytest -n $(PROCESSES) --hypothesis-profile=chance tests/unit

lint: $(READY) ## ruff, mypy, and the directions that imports may run
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: $(READY) ## the benchmarks, as a table and in bench/results.json
	@$(PYTHON_BIN) -m bench $(ARGS)

browser:
	@scripts/system_packages.sh browser

# The locks carry hashes and no address of an index: docs/decisions/0003.
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header

lock: $(READY) ## the lock files anew from pyproject.toml (ARGS=--upgrade: newest versions)
	$(COMPILE) $(ARGS) pyproject.toml --extra sandbox --extra aws --extra dev -o requirements.lock
	$(COMPILE) $(ARGS) --group installer -o requirements-installer.lock
	$(COMPILE) $(ARGS) --group node -o requirements-node.lock

words: $(READY) ## the catalogue of what the pages say, anew; then translate what is new in it
	@.venv/bin/pybabel --quiet extract --mapping-file translations/babel.cfg --keyword _ \
		--keyword noop --keyword said --keyword counted:1,2 --no-location --omit-header --sort-output -o translations/messages.pot .
	@for words in $(WORDS); do .venv/bin/pybabel --quiet update --no-fuzzy-matching \
		--ignore-obsolete --ignore-pot-creation-date --input-file translations/messages.pot \
		--output-file $$words --locale $$(basename $$(dirname $$(dirname $$words))); done

clean: ## remove what set-up and tools made; instance/ and .env stay
	rm -rf .venv node_modules static/vendor build dist *.egg-info shots bench/results.json \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
