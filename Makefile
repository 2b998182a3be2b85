# The front door. Every goal works as the first command on a fresh Debian or
# Ubuntu machine: it begins by installing what it needs, and does nothing there
# when all is in place. The work itself is in scripts/; this file only names it.

.DEFAULT_GOAL := help
# cargo and the scripts parallelise on their own; two goals at once would only
# wait for each other's lock.
.NOTPARALLEL:
.PHONY: help demo run build test test-full fuzz gate bench bench-full bench-e2e bench-storm fmt lint advisories doc clean

help: ## show this list
	@echo 'usage: make GOAL'
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
	  || sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1: \2/p' $(MAKEFILE_LIST)

demo: build ## the main job on real input, in front of your eyes
	@scripts/demo

run: build ## a server with the module in the foreground, to play with
	@scripts/run

build: ## target/release/libwarden.so, target/release/warden, target/policies/*.wasm, target/plugins/*.wasm
	@scripts/bootstrap build
	@scripts/build release policies

test: ## everything that must hold before a change goes in
	@scripts/test

test-full: ## the same with the slow soaks
	@scripts/test --full

fuzz: ## every fuzz target for ten minutes
	@scripts/bootstrap fuzz
	@scripts/fuzz 600

gate: ## instructions of each hot path, held against what they were
	@scripts/gate

bench: build ## what warden costs, in five minutes: target/bench/report.html
	@scripts/bench quick

bench-full: build ## all figures of 9.1, and of 8.0 what is asked, in an hour
	@scripts/bench full

bench-e2e: build ## what warden costs a server, beside a baseline of the same run
	@scripts/bench e2e

bench-storm: build ## what very many clients at once do to one who is not involved
	@scripts/bench storm

fmt: ## format the sources
	@scripts/bootstrap lint
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	cargo fmt --manifest-path policies/cedar/Cargo.toml
	cargo fmt --manifest-path policies/rego/Cargo.toml

lint: ## formatting and clippy, without the tests
	@scripts/bootstrap build lint
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo fmt --manifest-path policies/cedar/Cargo.toml --check
	cargo fmt --manifest-path policies/rego/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --manifest-path policies/cedar/Cargo.toml --target-dir target --all-targets -- -D warnings
	cargo clippy --locked --manifest-path policies/rego/Cargo.toml --target-dir target --all-targets -- -D warnings

advisories: ## known vulnerabilities in dependencies; needs the network each time
	@scripts/bootstrap deny
	@scripts/deny advisories

doc: ## the API documentation, in target/doc
	@scripts/bootstrap build
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps

clean: ## remove target/; fetched servers and tools stay in the cache
	cargo clean
