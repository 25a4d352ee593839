# The backends to check, and the build without one.
TAGS    := none deferred future
# Modules of their own: peers, tools and clients that users never download.
MODULES := $(filter-out ./tools/,$(sort $(dir $(shell find . -mindepth 2 -name go.mod -not -path '*/node_modules/*'))))
TOOL    := go tool -modfile=tools/go.mod
FUZZTIME ?= 10s

# none is the build without a tag: no package has a file behind such a tag.
.PHONY: test
test: ## run all tests: without a backend, with each, and the other modules'
	@set -e; for tag in $(TAGS); do echo "go test -tags $$tag ./..."; go test -tags $$tag ./...; done
	@set -e; for module in $(MODULES); do for tag in deferred future; do \
		echo "go test -tags $$tag ./... in $$module"; (cd $$module && go test -tags $$tag ./...); done; done

.PHONY: race
race: ## run the tests under the race detector
	@set -e; for tag in $(TAGS); do echo "go test -race -tags $$tag ./..."; go test -race -tags $$tag ./...; done

.PHONY: lint
lint: ## formatting, vet, staticcheck, go.mod and the workflow
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi
	go mod tidy -diff
	@set -e; for tag in $(TAGS); do echo "go vet, staticcheck -tags $$tag ./..."; \
		go vet -tags $$tag ./...; $(TOOL) staticcheck -tags $$tag ./...; done
	@set -e; for module in $(MODULES); do for tag in deferred future; do \
		echo "go vet -tags $$tag ./... in $$module"; (cd $$module && go vet -tags $$tag ./...); done; done
	$(TOOL) actionlint

.PHONY: example
example: ## run the main example with each backend
	go run -tags deferred ./examples/basic
	go run -tags future ./examples/basic

.PHONY: cover
cover: ## print the coverage of the package under each tag
	@set -e; for tag in deferred future; do \
		go test -tags $$tag -coverpkg . -coverprofile coverage.$$tag . ./testutil ./examples/... >/dev/null; \
		echo "$$tag: $$(go tool cover -func coverage.$$tag | tail -n 1)"; done

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	@set -e; for package in $$(go list -tags future ./...); do \
		for target in $$(go test -tags future -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			go test -tags future -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; done; done

.PHONY: help
help:
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
