# The backends, and "none" for the build without one: no file has that tag.
TAGS    := none deferred future
# The nested modules, which users of the library never download.
MODULES := $(filter-out ./tools/,$(sort $(dir $(shell find . -mindepth 2 -name go.mod -not -path '*/node_modules/*'))))
# The packages and modules whose tests share data between goroutines.
RACES   := . ./internal/... ./testutil ./examples/pipeline/...
RACED   := ./examples/wamp/ ./loops/gojaloop/
# Everything that has doc comments or prose.
TEXTS    = $(shell git ls-files '*.go' '*.md' | grep -v /testdata/)
TOOL    := GOWORK=off go tool -modfile=tools/go.mod
# A number of runs, because go test sometimes fails when a time limit ends
# (go.dev/issue/75804).
FUZZTIME ?= 50000x
# For a browser or Node.js.
JS      := GOOS=js GOARCH=wasm
JSTAGS  ?= deferred future
# For make conformance: the number of programs, their seed (0: a new one), and
# the Python.
CONFORMANCE ?= 2000
SEED        ?= 0
PYTHON      ?= /usr/bin/python3
# full, or smoke for a few seconds.
SOAK        ?= full

# The last command runs the tests on another kind of loop, see newFixture.
.PHONY: test test-modules
test: ## run the library's tests: without a backend and with each
	@set -e; for tag in $(TAGS); do echo "go test -tags $$tag ./..."; go test -tags $$tag ./...; done
	TXAIO_TEST_LOOP=foreign go test -tags future .
test-modules: ## run the other modules' tests with each backend, and the commands of the documentation
	@set -e; for module in $(MODULES); do for tag in deferred future; do \
		echo "go test -tags $$tag ./... in $$module"; (cd $$module && go test -tags $$tag ./...); done; done

.PHONY: race
race: ## run the tests under the race detector
	@set -e; for tag in deferred future; do echo "go test -race -tags $$tag $(RACES)"; go test -race -tags $$tag $(RACES); done
	@set -e; for module in $(RACED); do for tag in deferred future; do \
		echo "go test -race -tags $$tag ./... in $$module"; (cd $$module && go test -race -tags $$tag ./...); done; done

.PHONY: lint
lint: txaiovet ## formatting, vet, staticcheck, txaiovet, doc comments, go.mod and the workflows
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi
	@$(MAKE) --no-print-directory tidy-check
	GOARCH=386 go vet -tags deferred ./...
	@set -e; for tag in $(TAGS); do echo "go vet, staticcheck -tags $$tag ./..."; \
		go vet -tags $$tag ./...; $(TOOL) staticcheck -tags $$tag ./...; done
	go vet -tags deferred,conformance ./internal/conformance
	$(TOOL) staticcheck -tags deferred,conformance ./internal/conformance
	@set -e; for module in $(MODULES); do for tag in deferred future; do \
		echo "go vet -tags $$tag ./... in $$module"; (cd $$module && go vet -tags $$tag ./...); done; done
	@echo revive; $(TOOL) revive -config tools/revive.toml $(filter %.go,$(TEXTS))
	$(TOOL) actionlint

# Not part of lint, because building vale takes a minute or two the first time.
.PHONY: prose
prose: ## check the spelling and the words of pages and comments
	@echo vale; $(TOOL) vale --config=tools/vale.ini --output=line $(TEXTS)

# The modules require a version of the library that may not be published yet. So
# this tidies a copy of each go.mod, with a replace directive for this directory.
.PHONY: tidy tidy-check
tidy: ## tidy the go.mod of each module
tidy-check: ## print what make tidy would change
tidy tidy-check:
	@set -e; for module in ./ $(MODULES); do echo "go mod tidy in $$module"; tmp=$$(mktemp -d); \
		cp $$module/go.mod $$module/go.sum $$tmp; \
		if [ $$module != ./ ]; then go mod edit -replace github.com/txaio-go/txaio=$(CURDIR) $$tmp/go.mod; fi; \
		(cd $$module && GOWORK=off go mod tidy $(if $(filter tidy-check,$@),-diff) -modfile=$$tmp/go.mod); \
		if [ $@ = tidy ]; then go mod edit -dropreplace github.com/txaio-go/txaio $$tmp/go.mod; cp $$tmp/go.mod $$tmp/go.sum $$module/; fi; \
		rm -r $$tmp; done

# This leaves out internal and the tests of the package and of testutil, because
# they break the rules on purpose.
.PHONY: txaiovet
txaiovet: ## check the portable code under each tag
	@set -e; bin=$$(mktemp -d); trap 'rm -r "$$bin"' EXIT; go build -C cmd/txaiovet -o "$$bin/" .; \
	for tag in deferred future; do echo "txaiovet -tags $$tag"; \
		"$$bin/txaiovet" -tags $$tag -test=false . ./testutil; "$$bin/txaiovet" -tags $$tag ./docs ./examples/...; \
		for module in $(MODULES); do (cd $$module && "$$bin/txaiovet" -tags $$tag ./...); done; \
		(cd loops/browserloop && $(JS) "$$bin/txaiovet" -tags $$tag -test=false ./...); done

.PHONY: example
example: ## run the main example with each backend
	go run -tags deferred ./examples/basic
	go run -tags future ./examples/basic

.PHONY: cover
cover: ## print the coverage of the package under each tag
	@set -e; for tag in deferred future; do \
		go test -tags $$tag -coverpkg . -coverprofile coverage.$$tag . ./testutil ./internal/conformance ./examples/... >/dev/null; \
		echo "$$tag: $$(go tool cover -func coverage.$$tag | tail -n 1)"; done

.PHONY: fuzz
fuzz: ## run each fuzz target FUZZTIME times, those that use futures with each backend
	@set -e; for tag in deferred future; do for package in $$(go list -tags $$tag ./...); do \
		for target in $$(go test -tags $$tag -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			case $$tag$$package in deferred*/internal/format) continue;; esac; \
			echo "go test -tags $$tag $$package $$target"; \
			go test -tags $$tag -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; done; done; done

.PHONY: conformance
conformance: ## compare CONFORMANCE new random programs with Python's txaio, which it installs with apt
	@$(PYTHON) -c 'import txaio, twisted' 2>/dev/null || \
		{ sudo=$$(test $$(id -u) = 0 || echo sudo); $$sudo apt-get update && $$sudo apt-get install -y python3-txaio python3-twisted; }
	@set -e; for tag in deferred future; do \
		go test -tags $$tag,conformance -run '^TestConformance' -count=1 -v ./internal/conformance \
			-args -programs $(CONFORMANCE) -seed $(SEED) -python $(PYTHON); done

.PHONY: soak
soak: ## put the library under load: SOAK=full or SOAK=smoke
	@set -e; for tag in deferred future; do go run -tags $$tag ./internal/soak -size $(SOAK); done

.PHONY: bench
bench: ## compare with other libraries, which it downloads; overwrites docs/performance.md and its charts
	cd bench && go run ./cmd/table

.PHONY: bench-smoke
bench-smoke: ## run each benchmark once, to check that it works
	cd bench && for tag in deferred future; do go test -tags $$tag -run '^$$' -bench . -benchtime 1x . || exit 1; done

.PHONY: wamp wamp-bench
wamp: ## test the WAMP client against real peers, which it installs with npm and apt
	examples/wamp/run-peers.sh test
wamp-bench: ## compare the WAMP client with Autobahn|Python, which it installs with apt
	examples/wamp/run-peers.sh bench

.PHONY: js
js: export PATH := $(PATH):$(shell go env GOROOT)/lib/wasm
js: ## run the tests under GOOS=js, in Node.js
	@set -e; for tag in $(JSTAGS); do echo "$(JS) go test -tags $$tag . ./internal/... ./testutil"; \
		$(JS) go test -tags $$tag . ./internal/... ./testutil; \
		(cd loops/browserloop && $(JS) go test -tags $$tag .); done

.PHONY: browser browser-picture
browser: ## drive the demonstration page in Chromium, which it installs
	@command -v chromium >/dev/null || \
		{ sudo=$$(test $$(id -u) = 0 || echo sudo); $$sudo apt-get update && $$sudo apt-get install -y chromium; }
	cd loops/browserloop && go test -tags browser -count=1 ./demo $(BROWSERARGS)
browser-picture: ## the same, and replace the pictures in the README
	$(MAKE) browser BROWSERARGS="-picture $(CURDIR)/loops/browserloop/page"

.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
