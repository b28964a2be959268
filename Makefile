# make run    install what the app needs into .venv and start it
# make test   install what the tests need into .venv and run everything that .ci/run runs
#
# Another Python:  make run PYTHON=python3.12        Another port:  make run PORT=8600
# For others too, who then share its runs and models: make run HOST=0.0.0.0

PYTHON ?= $(shell for v in 3.13 3.12 3.11 3.10; do python$$v -c 'import venv, ensurepip' >/dev/null 2>&1 && { echo python$$v; break; }; done)
# set on the command line only: some shells export a HOST of their own
HOST :=
PORT :=
BIN := .venv/bin
# installed anew when a requirement changes, and only then
SUM := $(shell cat requirements*.txt constraints.txt | cksum | cut -d ' ' -f 1)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: models bench run test lint format types js check browser clean

run: .venv/run-$(SUM)
	$(BIN)/python -m streamlit run streamlit_app.py $(if $(HOST),--server.address $(HOST)) $(if $(findstring :,$(filter-out ::,$(HOST))),--browser.serverAddress "[$(HOST)]") $(if $(PORT),--server.port $(PORT)) $(ARGS)

test: lint types js browser check bench

lint: .venv/dev-$(SUM)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	git ls-files | grep -vE '^(package-lock\.json|checkpoints/)|\.(png|gif)$$' | xargs -r $(BIN)/codespell

types: .venv/dev-$(SUM)
	$(BIN)/mypy

# The components' JavaScript: types, lint, tests of what needs no browser. Node comes with the development requirements; the
# type checker and the linter from npm. Where that cannot be reached these checks are skipped, but not in CI.
js: .venv/dev-$(SUM)
	@export PATH="$(CURDIR)/$(BIN):$$PATH"; \
	if test node_modules/.package-lock.json -nt package-lock.json || npm ci --silent --no-audit --no-fund; then npm run --silent types && npm run --silent lint && npm run --silent test; \
	elif test -n "$$CI"; then echo "npm could not fetch the checks of the JavaScript"; exit 1; \
	else echo "SKIPPED: types, lint and tests of the JavaScript, since npm could not fetch them"; fi

# Two streams side by side, one for each core: what is seen on pages and in the browser, and the core with its coverage
# (counting lines takes half as long again, so it is spared the pages, which are not counted).
SEEN := tests/test_app.py tests/test_frame.py tests/test_start.py $(wildcard tests/test_page_*.py)
check: .venv/dev-$(SUM)
	@log=$$(mktemp); \
	{ $(BIN)/python -m pytest tests/e2e $(ARGS); browser=$$?; $(BIN)/python -m pytest $(SEEN) $(ARGS); pages=$$?; \
	  exit $$(( browser ? browser : pages )); } >$$log 2>&1 & seen=$$!; \
	$(BIN)/python -m pytest tests vae_core --doctest-modules --ignore=tests/e2e $(SEEN:%=--ignore=%) --cov --cov-report=term:skip-covered --cov-fail-under=90 $(ARGS); core=$$?; \
	wait $$seen; others=$$?; cat $$log; rm -f $$log; \
	exit $$(( core ? core : others ))

# a smoke test of the benchmarks: what they print here is no measurement
bench: .venv/dev-$(SUM)
	$(BIN)/python benchmarks/time_to_quality.py --small

browser: .venv/dev-$(SUM)
	@$(BIN)/python tests/e2e/chromium.py

format: .venv/dev-$(SUM)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.13 with venv was found. Install one (Debian: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 10) <= v < (3, 14) and f"Python 3.10 to 3.13 is needed, $(PYTHON) is {v[0]}.{v[1]}.")'
	$(PYTHON) -m venv .venv

.venv/run-$(SUM): | .venv/bin/python
	$(PIP) -r requirements.txt
	@rm -f .venv/run-* && touch $@

.venv/dev-$(SUM): | .venv/bin/python
	$(PIP) -r requirements-dev.txt
	@rm -f .venv/run-* .venv/dev-* && touch $@ .venv/run-$(SUM)

# The shipped models, from scratch: about two hours on two cores. Needs the real Fashion-MNIST.
models: .venv/run-$(SUM)
	$(BIN)/python -m vae_core train --data fashion --preset swift --latent-dim 2 --epochs 30 --run-dir runs/fashion-2d
	$(BIN)/python -m vae_core train --data fashion --preset swift --latent-dim 16 --epochs 30 --run-dir runs/fashion-16d-first
	$(BIN)/python -m vae_core train --data fashion --preset swift --latent-dim 16 --start-from runs/fashion-16d-first --epochs 12 \
		--batch-size 128 --learning-rate 1.5e-3 --dropout 0.1 --seed 1 --run-dir runs/fashion-16d
	$(BIN)/python -m vae_core train --data fashion --preset classic --latent-dim 2 --epochs 30 --run-dir runs/classic-2d
	$(BIN)/python -m vae_core keep runs/fashion-2d checkpoints/fashion-2d --data fashion --half --snapshots 7 --replace
	$(BIN)/python -m vae_core keep runs/fashion-16d checkpoints/fashion-16d --data fashion --half --replace
	$(BIN)/python -m vae_core keep runs/classic-2d checkpoints/classic-2d --data fashion --half --replace
	for use in compress denoise anomalies cluster report; do for model in fashion-2d fashion-16d classic-2d; do \
		$(BIN)/python -m vae_core $$use checkpoints/$$model --measure --write || exit; done; done
	$(BIN)/python -m vae_core.training.classifier
	for name in fashion-2d fashion-16d classic-2d; do $(BIN)/python -m vae_core evaluate checkpoints/$$name --samples --write || exit 1; done
