# Two commands do all the set-up on Debian 12 with Swift 6.3: `make demo` and `make test`.

.PHONY: help build demo demo-once test bench format clean

help:
	@echo 'make demo       see it work: realm, gateway, bridge, a protected transfer; stays up'
	@echo 'make demo-once  the same, ends after the proof'
	@echo 'make test       every test, whole programs and a real Kerberos realm included'
	@echo 'make build      the programs garterd and garter, optimised'
	@echo 'make bench      throughput, latency and memory, as ratios'
	@echo 'make format     format the Swift sources'

build:
	dev/install-packages build
	swift build --configuration release --product garterd
	swift build --configuration release --product garter

demo:
	dev/install-packages demo
	dev/demo

demo-once:
	dev/install-packages demo
	dev/demo --once

test:
	dev/install-packages test
	dev/test

bench:
	dev/install-packages bench
	dev/bench

format:
	swift format --in-place --recursive Package.swift Sources Tests Benchmarks

clean:
	rm -rf .build
