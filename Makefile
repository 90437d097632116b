# The commands of this project. CI runs the same targets.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

MODULES  := bench clients/go cmd/loom e2e migrations pkg services/console services/ingest services/recorder services/transcoder services/uploader
SERVICES := ingest recorder transcoder uploader console
COMPOSE  := docker compose -f deploy/compose.yml
# Many tests wait: for bounds to pass, for services to start. Running two packages more than there
# are cores keeps the cores busy. The modules whose tests take longest are the first to start.
ATONCE   := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
LONGEST  := services/transcoder services/recorder e2e
TESTED   := $(foreach m,$(LONGEST) $(filter-out $(LONGEST),$(MODULES)),./$(m)/...)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what is missing: Chrome's headless shell, FFmpeg, PostgreSQL, fonts (Debian, Ubuntu)
	@scripts/setup.sh

.PHONY: setup-npm
setup-npm: ## install the npm packages that tests animate pages with, and that the TypeScript client is made with
	@scripts/setup-npm.sh

# Chrome asks for huge pages through a library in C, which lies beside the program. Without it,
# moving pages take longer.
.PHONY: hugepages
hugepages:
	@[ "$$(uname)" != Linux ] || $(MAKE) --no-print-directory bin/loom-hugepages.so || \
	  echo "building without huge pages for Chrome: they take a C compiler and its headers (Debian: apt install gcc libc6-dev)"

bin/loom-hugepages.so: services/recorder/chrome/hugepages/hugepages.c
	@mkdir -p bin
	$(CC) -O2 -fPIC -shared -o $@ $<

.PHONY: build
build: hugepages ## build the command line and the services into bin/
	go build -o bin/loom ./cmd/loom
	for s in $(SERVICES); do go build -o bin/loom-$$s ./services/$$s/cmd/$$s; done

.PHONY: demo
demo: setup hugepages ## render examples/demo into out/demo.mp4
	go build -o bin/loom ./cmd/loom
	mkdir -p out
	bin/loom render examples/demo/campaign.yaml --local -o out/demo.mp4
	@echo
	@echo "The video is here:  $(CURDIR)/out/demo.mp4"
	@echo "Its thumbnail:      $(CURDIR)/out/demo.jpg"

.PHONY: test
test: setup setup-npm ## run all tests, on a real Postgres, NATS, S3, Chrome and FFmpeg
	go test -count=1 -timeout 30m -p $(ATONCE) $(TESTED)

.PHONY: race
race: setup setup-npm ## run all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -count=1 -timeout 30m work

.PHONY: e2e
e2e: setup ## run only the end-to-end tests, with their log
	go test -count=1 -timeout 15m -v ./e2e/...

.PHONY: e2e-compose
e2e-compose: ## run deploy/compose.yml for real: scale, kill, upgrade under load, back up and restore (needs Docker); E2E='-report out/compose.md'
	go build -o bin/e2e-compose ./e2e/deploy/cmd/compose
	bin/e2e-compose $(E2E)

.PHONY: e2e-k8s
e2e-k8s: setup ## install the Helm chart on a real control plane, which it builds (Kubernetes too: long, the first time); E2E='-report out/k8s.md'
	go build -o bin/e2e-k8s ./e2e/deploy/cmd/k8s
	bin/e2e-k8s $(E2E)

.PHONY: console-e2e
console-e2e: setup setup-npm ## run the dashboard's tests in a browser, in both colours, wide and narrow
	LOOM_LONG=1 go test -count=1 -timeout 15m -v ./services/console/web

.PHONY: console-pictures
console-pictures: setup ## make the pictures of the dashboard in docs/pictures anew, of renders that it makes
	go build -o bin/loom ./cmd/loom
	LOOM_DOCS_PICTURES=$(CURDIR)/docs/pictures go test -count=1 -v -run '^TestPicturesOfTheDocumentation$$' ./services/console/web

.PHONY: faults
faults: setup ## break a running system in every way it must survive; FAULTS='-run nats -seeds 20 -report out/faults.md'
	go build -o bin/faults ./e2e/faults/cmd/faults
	bin/faults $(FAULTS)

.PHONY: e2e-upgrade
e2e-upgrade: setup ## replace each service of the release before by this one under load, and back; UPGRADE_FROM=COMMIT names another
	go build -o bin/faults ./e2e/faults/cmd/faults
	bin/faults -run '^upgrade' $(FAULTS)

.PHONY: bench
bench: setup build ## measure how fast pages are recorded, videos made and tasks controlled (Linux, Node.js); BENCH='-help' lists flags
	@bench/peers/setup.sh
	@bench/control/setup.sh
	go build -o bin/bench ./bench/cmd/bench
	bin/bench $(BENCH)

.PHONY: long
long: setup setup-npm ## run the long tests: 30 s at 1920×1080, 100 scenes in a row, hostile pages and files, every size, 10 minutes of lip sync
	LOOM_LONG=1 go test -count=1 -timeout 90m -v -run 'TestEveryNumber|HeldUp' ./services/recorder/capture ./e2e
	LOOM_LONG=1 go test -count=1 -timeout 60m -v -run 'TestScenesInARow|TestPagesThatMisbehave' ./services/recorder
	LOOM_LONG=1 go test -count=1 -timeout 60m -v -run TestNoHotQuery ./services/ingest/schedule
	LOOM_LONG=1 go test -count=1 -timeout 60m -v -run 'TestLipsAndVoiceStayTogether|TestEveryEvenSize|TestDamagedVideos' ./services/transcoder

.PHONY: chart
chart: ## check the Helm chart: golden files, every field, the Pod Security Standard restricted, its README
	cd deploy/helm/check && GOWORK=off go mod tidy -diff && GOWORK=off go vet ./... && GOWORK=off go test -count=1 ./...

.PHONY: systemd
systemd: ## check the systemd units: nothing to say about them, and how far each is exposed (needs systemd 251)
	@deploy/systemd/check.sh

.PHONY: alerts
alerts: ## check the alert rules with promtool, and run their unit tests (builds promtool: minutes, the first time)
	cd deploy/observability/check && GOWORK=off go tool promtool check rules ../rules.yml && GOWORK=off go tool promtool test rules ../rules_test.yml

GORELEASER := go run github.com/goreleaser/goreleaser/v2@v2.15.1
CYCLONEDX  := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

.PHONY: release-check
release-check: ## check .goreleaser.yaml
	GOWORK=off $(GORELEASER) check

.PHONY: snapshot
snapshot: bin/cyclonedx-gomod ## build what a release has into out/dist, and publish nothing
	PATH="$(CURDIR)/bin:$$PATH" $(GORELEASER) release --snapshot --clean

.PHONY: release
release: bin/cyclonedx-gomod ## publish the release whose tag is checked out: GitHub's workflow does
	PATH="$(CURDIR)/bin:$$PATH" $(GORELEASER) release --clean

bin/cyclonedx-gomod:
	GOWORK=off GOBIN="$(CURDIR)/bin" go install $(CYCLONEDX)

FUZZTIME ?= 30s

.PHONY: fuzz
fuzz: setup ## run each fuzz test for FUZZTIME (default 30s), one after the other
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: bin/golangci-lint ## run the linters; vet, gofmt and tidiness by module; the width of comments and prose
	bin/golangci-lint run $(MODULES:%=./%/...)
	@scripts/check-modules.sh $(MODULES) tools
	cd tools && GOWORK=off go test ./... && GOWORK=off go run ./width ..

.PHONY: vuln
vuln: ## look for known vulnerabilities that our code calls, in all modules
	@scripts/vuln.sh

.PHONY: clients
clients: setup-npm ## write the API's document again, and what the clients generate from it
	go test -count=1 ./services/console/api -run TheCommitted -update
	cd clients/typescript && npm run --silent generate
	cd tools && GOWORK=off go tool oapi-codegen -config ../clients/go/api/codegen.yaml -o ../clients/go/api/api.gen.go ../docs/reference/openapi.json

.PHONY: fmt
fmt: bin/golangci-lint ## format all Go code
	bin/golangci-lint fmt

.PHONY: tidy
tidy: ## tidy every module
	for m in $(MODULES) tools; do (cd $$m && GOWORK=off go mod tidy); done

.PHONY: up
up: ## run everything in containers; Ctrl-C stops
	$(COMPOSE) up --build

.PHONY: down
down: ## remove the containers; their data stays
	$(COMPOSE) down

# A module of their own pins the linters, so no module of ours depends on them.
bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && GOWORK=off go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
