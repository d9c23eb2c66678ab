# `make` lists what there is. A fresh machine needs python3 (3.11 or newer) and make: every target installs what it needs
# into .venv first, and again only when the lock file or pyproject.toml has changed.
#
# ARGS goes to the command behind a target: make demo ARGS=--fast, make test ARGS='-k barge_in -x'.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
ARGS   ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## One whole call on this machine, no accounts: speech, a barge-in, the replay's verdict
	@$(BIN)/bridge demo $(ARGS)

.PHONY: test
test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest -n 2 $(ARGS)

# All of it runs, whatever fails first: one round tells all.
.PHONY: check
check: $(READY) ## Lint, format, types and installed packages, changing nothing
	@status=0; \
	for tool in 'ruff check .' 'ruff format --check .' mypy 'python -m pip check'; do $(BIN)/$$tool || status=1; done; \
	exit $$status

.PHONY: bench
bench: $(READY) ## Measure: accuracy over thousands of calls, delays, CPU and log size
	@$(BIN)/python -m engine.bench $(ARGS)

# A folder of speech with word times; fixtures/speech/README.md describes its form. ARGS=--limits fails on a missed target.
SPEECH ?= fixtures/speech

.PHONY: words
words: $(READY) ## Measure how right the heard words are on a folder of speech (SPEECH=folder)
	@$(BIN)/python -m engine.bench words $(ARGS) $(SPEECH)

.PHONY: fit
fit: $(READY) ## Make engine/core/heard/table.py anew from a folder of speech, with word times or not (SPEECH=folder)
	@test "$(origin SPEECH)" != file || { echo "Which speech? make fit SPEECH=folder changes every heard word." \
	    "ARGS='-o FILE' writes the table elsewhere." >&2; exit 2; }
	@$(BIN)/python -m engine.bench fit $(ARGS) $(SPEECH)

.PHONY: referee
referee: $(VENV)/.referee ## Compare the heard words with a speech recogniser's (SPEECH=folder; installs 40 MB first)
	@$(BIN)/python -m engine.bench referee $(ARGS) $(SPEECH)

# One table: faults injected, calls, logs checked, what was lost. SEEDS counts simulated runs, KILLS real processes killed.
SEEDS ?= 200
KILLS ?= 200

.PHONY: soak
soak: $(READY) ## Thousands of calls under faults, in virtual time and real; one table of what was lost (SEEDS=, KILLS=)
	@$(BIN)/python -m engine.soak --seeds $(SEEDS) --kills $(KILLS) --power-cuts '$(BIN)/python -m tests.power' $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Throw bytes at both sockets, the HTTP front and the log reader (ARGS=: seconds, targets)
	@$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: golden
golden: $(READY) ## Replay every golden log
	@$(BIN)/replay verify fixtures/golden $(ARGS)

.PHONY: bless
bless: $(READY) ## Record the golden logs anew and show what changed; the commit must say why
	@$(BIN)/python -m tests.bless $(ARGS)

# Two reports from one run: the shell's figures are for the eye, the core's and the replay's are a condition.
.PHONY: cover
cover: $(READY) ## Run the tests with coverage; engine/core and replay must be covered whole
	@$(BIN)/python -m coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include='engine/core/*,replay/*' --fail-under=100

.PHONY: format
format: $(READY) ## Format the code and mend what lint can mend
	@$(BIN)/ruff check --fix $(ARGS) .
	@$(BIN)/ruff format .

# Resolved on the oldest Python we support, since packages that only older ones need would be missing otherwise. pip and
# setuptools are in it too ("unsafe" to pip-compile): sqlite-utils requires the one, building the project the other, and
# an install with hashes takes nothing that has none. No index address is written: that is the reader's own setting.
# The referee and the fuzzer have locks of their own, as hardly anybody needs them; pyproject.toml says what they are.
.PHONY: lock
lock: $(READY) ## Refresh requirements.lock (ARGS=--upgrade: to the newest versions)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	    echo "The lock is made on Python 3.11: make clean, then make lock PYTHON=python3.11" >&2; exit 1; }
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --extra dev --all-build-deps --allow-unsafe \
	    --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	    --output-file requirements.lock $(ARGS) pyproject.toml
	for extra in referee fuzz; do \
	    $(BIN)/python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
	        print(*p['optional-dependencies']['$$extra'], sep='\n')" | CUSTOM_COMPILE_COMMAND="make lock" \
	        $(BIN)/pip-compile --quiet --constraint requirements.lock --strip-extras --generate-hashes --no-emit-index-url \
	        --no-emit-find-links --no-emit-trusted-host --output-file requirements-$$extra.lock $(ARGS) - || exit 1; \
	done

.PHONY: clean
clean: ## Remove .venv, caches and builds; recorded calls stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	find engine replay tests -name __pycache__ -prune -exec rm -rf {} +

.PHONY: setup
setup: $(READY) ## Install bridge and replay into .venv, and nothing else

# Everything comes from the lock, hashes checked; then the project itself, editable, built with the setuptools just
# installed (two runs: pip takes nothing without a hash in the first). -qq leaves pip its errors and takes its warnings.
$(READY): requirements.lock pyproject.toml | $(BIN)/pip
	@echo "Installing into $(VENV) (once, about half a minute) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.referee $(VENV)/.fuzz: $(VENV)/.%: requirements-%.lock $(READY)
	@echo "Installing what make $* needs into $(VENV) (once, up to 40 MB) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-$*.lock
	@touch $@

# Debian's python3 has no venv of its own until python3-venv is installed, and leaves half a folder behind when asked.
# pip is what a virtual environment gets last: a folder without it was interrupted, and is made anew.
$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "No $(PYTHON) here. Playhead needs Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Playhead needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	    || { rm -rf $(VENV); $(PYTHON) -m virtualenv --quiet $(VENV) 2>/dev/null; } \
	    || { rm -rf $(VENV); virtualenv --quiet --python=$(PYTHON) $(VENV) 2>/dev/null; } \
	    || { rm -rf $(VENV); echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu:" >&2; \
	         echo "    sudo apt-get install python3-venv" >&2; exit 1; }
