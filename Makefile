# Everything that is done to this project. Each target does all the set-up it needs, once, in .venv and .make here.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules
.PHONY: help build demo test test-rust test-python lint lint-rust lint-python format bench fuzz autobahn debian lock clean

PYTHON ?= python3
FUZZ_SECONDS ?= 60
BENCH ?=
BASELINE := benches/rust-baseline/target/release/ferrofeed-rust-baseline
PIP := 26.3
BIN := .venv/bin

# pyo3 builds for the interpreter of .venv, under cargo as under maturin
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# stamps whose work is gone are gone too
ifneq ($(shell $(BIN)/python -c 'print("there")' 2>/dev/null),there)
  $(shell rm -f .make/venv .make/build)
else ifeq ($(wildcard python/ferrofeed/_core*.so),)
  $(shell rm -f .make/build)
endif

# folders too: theirs is the time of a file's removal
RUST := Cargo.toml Cargo.lock $(wildcard rust/*/Cargo.toml) $(shell find rust/*/src)

help: ## list the targets
	@echo 'usage: make TARGET   (set-up is done as needed: .venv, pinned packages, release build)'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

.make/venv: pyproject.toml constraints.txt
	@mkdir -p .make
	@python=$$(scripts/preflight python '$(PYTHON)') && echo "Setting up .venv with $$($$python --version)" && $$python -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet pip==$(PIP)
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

.make/build: .make/venv $(RUST)
	@scripts/preflight rust
	@echo 'Building the Rust core (a minute or two the first time)'
	@PIP_QUIET=1 PIP_CONSTRAINT=constraints.txt $(BIN)/maturin develop --release --locked --quiet
	@touch $@

build: .make/build ## set up .venv and build the Rust core into it

demo: .make/build ## simulators, handler, metrics and a live view; make demo SECONDS=20 ends by itself, TRADE=1 trades
	@$(BIN)/ferrofeed demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(TRADE),--trade)

test: test-rust test-python ## all tests

test-rust: .make/venv
	@scripts/preflight rust
	cargo test --workspace --locked

test-python: .make/build
	$(BIN)/python -m pytest

lint: lint-rust lint-python ## formatting, lints, types, the stub, documentation

lint-rust: .make/venv
	@scripts/preflight rust
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cd examples/gateway/rust && cargo fmt --check && cargo clippy --locked --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --quiet
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; \
	else echo 'skipped: cargo-deny is not installed (cargo install cargo-deny)'; fi

lint-python: .make/build
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	@if [[ -f python/ferrofeed/_core.pyi ]]; then set -x; $(BIN)/python -m mypy.stubtest ferrofeed._core; fi

format: .make/venv ## format everything and apply the linter's safe fixes
	@scripts/preflight rust
	cargo fmt --all
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

bench: .make/build .make/bench $(if $(filter quick,$(BENCH)),,.make/peers/nautilus/ready) $(BASELINE) ## measure everything beside its peers, half an hour; BENCH=quick: minutes; BENCH=full: hours
	cargo bench --locked $(if $(filter quick,$(BENCH)),-p ferrofeed-core --bench pipeline -- --table,--workspace)
	$(BIN)/python -m pytest benches --benchmark-only --benchmark-enable --benchmark-columns=median,iqr,rounds \
	  --benchmark-max-time=$(if $(filter quick,$(BENCH)),0.1,1.0) --timeout 300
	$(BIN)/python -m benches.whole_path $(if $(BENCH),--$(BENCH))

# the peers; only benches use them. One that can't be had is left out, and the benches say so
.make/bench: .make/venv pyproject.toml constraints.txt
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench || scripts/peers $(BIN)/python
	@touch $@

# nautilus_trader pins another uvloop (and brings 670 MB): an environment of its own
.make/peers/nautilus/ready: benches/peers/nautilus.txt
	@mkdir -p .make/peers
	@echo 'Setting up nautilus_trader to measure against (670 MB)'
	@python=$$(scripts/preflight python '$(PYTHON)') && $$python -m venv --clear .make/peers/nautilus
	@.make/peers/nautilus/bin/python -m pip install --quiet --requirement benches/peers/nautilus.txt \
	  && echo '$(CURDIR)/python' > "$$(.make/peers/nautilus/bin/python -c 'import site; print(site.getsitepackages()[0])')/ferrofeed.pth" \
	  && touch $@ \
	  || { rm -rf .make/peers/nautilus; echo 'left out: nautilus_trader could not be installed'; }

$(BASELINE): $(wildcard benches/rust-baseline/Cargo.* benches/rust-baseline/src/*.rs)
	@scripts/preflight rust
	@echo 'Building the plain Rust client to measure against'
	@RUSTFLAGS='-C target-cpu=native' cargo build --quiet --release --locked --manifest-path benches/rust-baseline/Cargo.toml --target-dir benches/rust-baseline/target
	@touch $@

fuzz: ## coverage-guided fuzzing of the wire, the scanner, decimals and every decoder, FUZZ_SECONDS (60) each
	@scripts/preflight rust
	rust/fuzz/run.sh $(FUZZ_SECONDS)

autobahn: .make/build ## the Autobahn WebSocket suite; needs Python 2.7 (PYTHON2=path), says so where there is none
	tests/autobahn/run.sh

debian: ## install the Debian packages without whose programs tests are skipped; scripts/debian --print only lists them
	@scripts/debian

lock: ## write constraints.txt anew from what pyproject.toml asks for
	@scripts/lock '$(PYTHON)' $(PIP)

clean: ## remove everything that was built or downloaded here
	rm -rf .venv .make target benches/rust-baseline/target dist reports .mypy_cache .ruff_cache .hypothesis .benchmarks
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/ferrofeed/_core*.so
