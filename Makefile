# Two commands do everything on a fresh machine: `make publish` and `make test`.
SHELL := /bin/bash
NOW ?=
SITEGEN = .build/release/sitegen
# Linked with Swift's libraries in it: it starts in half the time and runs where no toolchain is.
BUILD_SITEGEN = swift build -c release --static-swift-stdlib --product sitegen
now_option = $(if $(NOW),--now $(NOW))

.PHONY: publish test serve lint check-content build-debug

publish: ## Set-up, release build, all sites and variants into Output/.
	@Scripts/setup site
	$(BUILD_SITEGEN)
	$(SITEGEN) build --checksum --output Output $(now_option)

serve: ## Preview with reload on http://127.0.0.1:8000/.
	@Scripts/setup site
	$(BUILD_SITEGEN)
	$(SITEGEN) serve $(now_option)

build-debug:
	@Scripts/setup test
	swift build --build-tests

test: build-debug ## Everything that CI runs.
	@$(MAKE) --no-print-directory check-content lint
	swift test --skip-build
	python3 -m unittest discover -s Tests/System

check-content:
	Scripts/check-content-overlap Content
	.build/debug/sitegen check $(now_option)

lint: ## Import rules and formatting.
	Scripts/check-imports
	Scripts/check-traps
	swift format lint --strict --parallel --recursive Sources Tests Package.swift

.PHONY: demo run
demo: build-debug ## One hotline request and one approval all the way and back, each step checked.
	Scripts/demo

RUN_FOLDER ?= Run
run: build-debug ## The whole system on loopback until Ctrl-C.
	@Scripts/system run $(RUN_FOLDER)

.PHONY: bench
BENCH ?=
bench: ## Times sitegen beside Hugo and the machine's floors; BENCH="--pages 1000 10000 50000 100000 --shapes" for all.
	@Scripts/setup bench
	$(BUILD_SITEGEN)
	python3 Benchmarks/sitegen/bench.py $(BENCH)

.PHONY: bench-forms
bench-forms: ## Times formsapi beside a FastAPI service with the same checks, sealing and syncs; FORMS="--runs 5 --folder DIR".
	@Scripts/setup bench
	swift build -c release
	python3 Benchmarks/formsapi/bench.py $(FORMS)

.PHONY: bench-ferry
bench-ferry: ## Times ferry beside NNCP, age and plain openssl over the same bytes; FERRY="--runs 5 --folder DIR --large 0".
	@Scripts/setup bench
	swift build -c release --product ferry
	python3 Benchmarks/ferry/bench.py $(FERRY)

.PHONY: bench-desk
bench-desk: ## Times the core's store over SQLite and PostgreSQL; DESK="--cases 1000000 --folder DIR" for a city's years.
	@Scripts/setup bench
	swift build -c release --product deskbench
	python3 Benchmarks/desk/bench.py $(DESK)

.PHONY: bench-arrive
bench-arrive: ## Times an import of 10,000 requests while an officer works; ARRIVE="--postgresql".
	@Scripts/setup test
	@for product in sitegen formsapi ferry coredesk; do swift build -c release --product $$product; done
	python3 Benchmarks/desk/arrive.py $(ARRIVE)
