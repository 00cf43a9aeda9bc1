# The two commands of the README are `make demo` and `make test`; each sets this machine up first.
# Needs Rust and Python; on Debian, as root, what else is missing is installed.

CARGO ?= cargo
TARGET ?= $(or $(CARGO_TARGET_DIR),target)
SEALROOM = $(TARGET)/release/sealroom

.PHONY: help setup build demo test lint bench clean

help:
	@echo "make demo    see it work: three parties compute on data that none of them can see"
	@echo "make test    run all tests"
	@echo "make setup   prepare this machine: build, Python environment, demo data"
	@echo "make lint    formatting and lints, as CI runs them"
	@echo "make bench   the measurements of docs/performance.md"

setup: build
	scripts/setup-runtime
	scripts/setup-demo-data

build:
	scripts/setup-system
	$(CARGO) build --release --locked --workspace

demo: setup
	$(SEALROOM) demo --out $(TARGET)/demo/results

test: setup
	scripts/setup-test-tools
	scripts/setup-client-2022
	scripts/with-postgres scripts/with-s3 $(CARGO) test --release --locked --workspace --no-fail-fast

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	scripts/lint-python

bench: setup
	benches/seal.sh
	benches/run.sh
	benches/memory.sh
	benches/packages.sh
	$(CARGO) bench --locked -p sealroom-attest --bench verify

clean:
	$(CARGO) clean
