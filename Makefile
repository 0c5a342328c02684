# Two commands do all the set-up on Debian 12 with Swift 6.3: `make demo` and `make test`.

.PHONY: help build demo demo-once test sanitize instructions bench format clean

help:
	@echo 'make demo       see it work: realm, gateway, bridge, a protected transfer; keeps running'
	@echo 'make demo-once  the same, ends after the proof'
	@echo 'make test       every test, whole programs and a real Kerberos realm included'
	@echo 'make sanitize   the tests of what is unsafe, with the compiler watching over memory and arithmetic'
	@echo 'make build      the programs garterd and garter, optimized'
	@echo 'make instructions  count instructions and allocations of single pieces, under valgrind'
	@echo 'make bench      throughput, latency and memory, as ratios; OUT=docs/performance writes table and plot there'
	@echo 'make format     format the Swift sources'

build:
	dev/install-packages build
	dev/build garterd garter

demo:
	dev/install-packages demo
	dev/demo

demo-once:
	dev/install-packages demo
	dev/demo --once

test:
	dev/install-packages test
	dev/test

sanitize:
	dev/install-packages test
	dev/sanitize

instructions:
	dev/install-packages test
	dev/check-instructions

# ARGS: scenarios and options, see Benchmarks/README.md.
bench:
	dev/install-packages bench
	$(if $(OUT),mkdir -p $(OUT))
	dev/bench $(ARGS) $(if $(OUT),--output $(OUT))

format:
	swift format --in-place --recursive Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build
