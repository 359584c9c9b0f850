# Everything a fresh machine needs is Python >= 3.11, git and make: `make demo`, `make test`.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

# A Python of your choice: make test PYTHON=/path/to/python3.12
PYTHON ?=
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11 python3 python
PIP_FLAGS := --quiet --disable-pip-version-check

# Other environments' modules must not leak into this one, and without bytecode each process would compile everything.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench record notebooks docs sandbox constraints clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## Make .venv with the package, every extra and the development tools

demo: $(INSTALLED) ## Watch two agents answer a question about recorded sessions
	@$(PY) -m openreplay_tools.demo

test: $(INSTALLED) ## Run the tests; COVERAGE=1 measures branch coverage too, which takes half as long again
	@$(PY) -m pytest -n 2 --dist worksteal $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

check: $(INSTALLED) ## Lint, format, types, and whether generated files are fresh
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy --strict openreplay_tools
	@$(PY) -m openreplay_tools.docs --check

format: $(INSTALLED) ## Format the code and mend what can be mended
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

bench: $(INSTALLED) ## Measure our cost against plain httpx and plain LangChain
	@$(PY) benchmarks/run.py

record: $(INSTALLED) ## Record the cassettes anew from the live server in the environment
	@$(PY) cassettes/record.py $(ARGS)

notebooks: $(INSTALLED) ## Execute the notebooks and write their outputs
	@$(PY) notebooks/build.py

docs: $(INSTALLED) ## Write the generated tables and outputs of the documents
	@$(PY) -m openreplay_tools.docs
	@$(PY) tests/test_readme.py

sandbox: $(INSTALLED) ## Run the embedded server on a loopback port
	@$(VENV)/bin/openreplay-tools sandbox

$(INSTALLED): pyproject.toml constraints.txt | $(PY)
	@echo "Installing openreplay-tools into $(VENV) ..."
	@$(PY) -m pip install $(PIP_FLAGS) --constraint constraints.txt --editable '.[all,dev]'
	@touch $@

# A candidate counts only when it runs: a pyenv shim may stand for a Python that is not there.
$(PY):
	@rm -rf $(VENV); \
	for python in $(CANDIDATES) "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python; do \
	    "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	    "$$python" -m venv $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	done; \
	echo "No Python >= 3.11 that can make virtual environments was found (tried: $(strip $(CANDIDATES)))." >&2; \
	echo "Install one (on Debian also its python3-venv), or name it: make PYTHON=/path/to/python3.12 ..." >&2; \
	exit 1

constraints: $(PY) ## Renew constraints.txt: the newest versions of everything, for every Python >= 3.11
	@$(PY) -m venv $(VENV)-constraints
	@$(VENV)-constraints/bin/python -m pip install $(PIP_FLAGS) uv
	@sed -n '/^#/p' constraints.txt > constraints.new
	@$(VENV)-constraints/bin/uv pip compile pyproject.toml --extra all --extra dev --universal --python-version 3.11 \
	    --upgrade --no-header --no-annotate --quiet >> constraints.new
	@mv constraints.new constraints.txt
	@rm -rf $(VENV)-constraints

clean: ## Remove .venv and everything tools leave behind
	@rm -rf $(VENV) $(VENV)-constraints build dist .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
