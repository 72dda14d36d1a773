# Two commands do everything on a fresh machine: `make demo` and `make test`. Both make their own environment in $(VENV).
#   make demo    profile samples/digits and print the report and where the diagram is
#   make sample NAME=hpo_search   what the README of a sample says, each command; NAME is any folder of samples/
#   make test    run every test
#   make check   what CI runs on the source: ruff, mypy, import-linter, every test
#   make bench   print the figures of the README beside their bounds
#   make bench-attribution SEEDS="10 11 12"   how right attribution is on simulated sensors, beside its bounds
#   make bench-torch   what recording every layer of a network costs, beside what its peers cost
#   make clean   remove everything that these commands made
# PYTHON=python3.12 chooses the interpreter, VENV=... the folder, PYTEST_ARGS='-k spool' what pytest is told,
# WORKERS=0 one test after another, BENCHES='tests/benchmarks/bench_stage.py' which benches run, DEMO_ARGS=--quick what
# the sample is told, SAMPLE_ARGS=--quick what those of `make sample` are, CASES='short serving' and SENSORS='ctr100 v100' which cells of bench-attribution,
# OUT_LINES=runs.jsonl where its runs are kept as JSON lines, INSTALL_ARGS what pip is told.

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?=
INSTALL_ARGS ?=
# Tests wait for programs more than they work, so that three at a time fill two cores. A file stays with one worker.
WORKERS ?= 3
BENCHES ?=
DEMO_ARGS ?=
SEEDS ?= 10 11 12
CASES ?=
SENSORS ?=
OUT_LINES ?=
NAME ?= train_vs_serve
SAMPLE_ARGS ?=

BIN := $(VENV)/bin
OUT := out
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(INSTALL_ARGS)
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# An editable installation: a changed source needs no new one, a changed pyproject.toml makes one.
INPUTS := pyproject.toml constraints.txt
SAMPLES := $(sort $(patsubst samples/%/run.sh,%,$(wildcard samples/*/run.sh)))
# What a sample needs beside energyprof, as an extra of pyproject.toml; those that are not named need nothing.
EXTRA_compression := sample-compression
EXTRA_digits := samples
EXTRA_gpt_generation := torch
EXTRA_hpo_search := sample-hpo-search
EXTRA_installed_script := torch
EXTRA_perception_stream := vision-sample
EXTRA_train_vs_serve := sample-train-vs-serve
EXTRA_transformer_training := language-samples
EXTRA_voice_assistant := voice-sample
ifeq ($(filter $(NAME),$(SAMPLES)),)
$(error there is no sample '$(NAME)'; NAME is one of: $(SAMPLES))
endif

.DELETE_ON_ERROR:
.PHONY: demo sample test check bench bench-torch bench-attribution clean

demo: $(VENV)/.samples
	@mkdir -p $(OUT)
	@rm -f $(OUT)/digits.*
	$(BIN)/energyprof run -o $(OUT)/digits.eprof samples/digits/pipeline.py $(DEMO_ARGS)
	@echo
	@echo "report again:  $(BIN)/energyprof report $(OUT)/digits.eprof"
	@echo "diagram:       $(abspath $(OUT))/digits.svg and digits.png"

# What a sample writes stays in a folder of its own; run.sh begins it anew.
sample: $(VENV)/.sample-$(NAME)
	@mkdir -p $(OUT)/$(NAME)
	cd $(OUT)/$(NAME) && PATH="$(abspath $(BIN)):$$PATH" sh $(abspath samples)/$(NAME)/run.sh $(SAMPLE_ARGS)

test: $(VENV)/.test
	$(PYTEST) $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) $(PYTEST_ARGS)

bench: $(VENV)/.test
	$(BIN)/python tests/benchmarks/run_benches.py $(BENCHES)

bench-torch: $(VENV)/.test
	$(BIN)/python tests/benchmarks/run_benches.py tests/benchmarks/bench_torch.py

bench-attribution: $(VENV)/.test
	$(BIN)/python tests/benchmarks/attribution/bench_attribution_accuracy.py --seeds $(SEEDS) --cases $(CASES) \
	  --sensors $(SENSORS) $(if $(OUT_LINES),--out $(OUT_LINES))

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find profiler plugins tests samples -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "make: $(PYTHON) is missing or older than 3.10; name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) cannot make environments (no module venv or ensurepip);" \
	    "on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.samples: $(INPUTS) | $(VENV)/.made
	@echo "Installing energyprof, torch and what else the samples need into $(VENV); the first time this takes minutes."
	$(INSTALL) -e '.[samples]'
	@touch $@

$(VENV)/.sample-$(NAME): $(INPUTS) | $(VENV)/.made
	@echo "Installing energyprof and what samples/$(NAME) needs into $(VENV); the first time this can take minutes."
	$(INSTALL) -e '.$(if $(EXTRA_$(NAME)),[$(EXTRA_$(NAME))])'
	@touch $@

# Who begins with the larger set installs once: to find out that all is there already takes an index most of a minute.
$(VENV)/.test: $(INPUTS) | $(VENV)/.made
	@echo "Installing energyprof and what its tests need, torch too, into $(VENV); the first time this takes minutes."
	$(INSTALL) -e '.[samples,language-samples,vision-sample,test]'
	@touch $(VENV)/.samples $@

$(VENV)/.dev: $(INPUTS) | $(VENV)/.made
	@echo "Installing energyprof and what its developers need, torch too, into $(VENV); the first time this takes minutes."
	$(INSTALL) -e '.[samples,language-samples,vision-sample,test,dev]'
	@touch $(VENV)/.samples $(VENV)/.test $@
