# A thin layer over ordinary tools: uv or pip, go, pytest. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
CODE := services/common services/stack services/rag_llm services/tts services/renderer services/asr services/orchestrator_api tests
GO := $(shell tools/go)
GO_WHEEL := $(filter .venv/bin/go,$(GO:$(CURDIR)/%=%))
GATEWAY := services/sfu-gateway
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# One set of flags for the build, the tests and the linters, so that each finds what another has compiled. Nobody debugs
# with symbols here: without them the gateway is there a sixth earlier.
export GOFLAGS := -mod=readonly -trimpath -ldflags=-s -gcflags=all=-dwarf=false
export GOTOOLCHAIN := local
export CGO_ENABLED := 0
export PYTHON ?= python3

.PHONY: help up setup setup-echomimic setup-xtts ingest clean check check-python check-imports check-gateway check-page
.PHONY: test test-echomimic test-xtts test-vllm test-network compose-test
.PHONY: bench bench-voice bench-echomimic bench-xtts bench-rag bench-images bench-visemes train-visemes

help: ## this list
	@awk -F ':.*## |^##@ ' '/^##@ / {printf "\n%s\n", $$2} /^[a-z-]+:.*## / {printf "  make %-15s  %s\n", $$1, $$2}' Makefile

##@ Run it

up: setup ## install what is missing, start everything, print the address; Ctrl-C stops it
	@exec $(PY) -m services.stack

setup:
	@$(MAKE) -s -j3 .venv/.installed .run/bin/sfu-gateway .run/portrait.baked

ingest: .venv/.installed ## read the documents in CORPUS_DIR into the index
	@$(PY) -m services.rag_llm.ingest

clean: ## remove all that was installed and built
	rm -rf .venv .venv-echomimic .venv-xtts .venv-visemes .run .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage web-samples/node_modules
	find services tests -name __pycache__ -type d -prune -exec rm -rf {} +

##@ Check it

check: check-python check-imports check-gateway check-page ## format, lint, types, imports: Python, Go and the page

check-python: .venv/.installed-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy $(CODE)

check-imports: .venv/.installed-dev
	.venv/bin/lint-imports --no-logo

check-gateway: .run/bin/staticcheck
	@unformatted=$$(cd $(GATEWAY) && $$($(GO) env GOROOT)/bin/gofmt -l .); \
	  test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) -C $(GATEWAY) vet ./...
	cd $(GATEWAY) && PATH="$$($(GO) env GOROOT)/bin:$$PATH" $(CURDIR)/.run/bin/staticcheck ./...

# The page needs none of this to run; where there is no npm its checks are left out.
PAGE_TOOLS := web-samples/node_modules/.package-lock.json
check-page:
	@if command -v npm >/dev/null; then $(MAKE) -s $(PAGE_TOOLS) && npm --prefix web-samples run --silent check; \
	else echo "The page's JavaScript is not checked: there is no npm here. It comes with Node.js, 20.19 or newer."; fi

$(PAGE_TOOLS): web-samples/package-lock.json
	@cd web-samples && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test: setup .venv/.installed-dev ## all tests, on free ports, beside a running make up
	@tools/chromium
	$(GO) -C $(GATEWAY) test ./...
	$(PY) -m pytest --ignore=tests/network --cov

test-network: setup .venv/.installed-dev ## the page on other machines, behind a NAT, through a relay; needs root
	@tools/chromium
	@tools/network
	$(PY) -m pytest tests/network

compose-test: .venv/.installed-dev ## the end-to-end tests against containers; status 77 where there is no Docker engine
	@tools/chromium
	@tools/compose-test

test-vllm: .venv/.installed-dev ## answers against a real vLLM at VLLM_URL, ears against one with a Whisper at VLLM_ASR_URL
	@test -n "$$VLLM_URL$$VLLM_ASR_URL" || \
	  { echo "Say where vLLM is: VLLM_URL or VLLM_ASR_URL=http://127.0.0.1:8001/v1 make test-vllm"; exit 2; }
	$(PY) -m pytest $(if $(VLLM_URL),tests/rag/test_real_vllm.py) $(if $(VLLM_ASR_URL),tests/asr/test_real_vllm.py)

##@ Engines for a GPU

setup-echomimic: .venv-echomimic/.installed ## the environment of RENDER_ENGINE=echomimic: torch and its libraries, 5 GB

test-echomimic: .venv-echomimic/.installed-dev ## the tests of that engine, small and on the CPU
	.venv-echomimic/bin/python -m pytest tests/echomimic

setup-xtts: .venv-xtts/.installed ## the environment of TTS_ENGINE=xtts: torch and its libraries, 6 GB

test-xtts: .venv-xtts/.installed-dev ## the tests of that engine, small and on the CPU
	.venv-xtts/bin/python -m pytest tests/xtts

##@ Measure it

bench: setup .venv/.installed-dev ## the whole path, measured at a WebRTC viewer; JSON on the last line
	@$(PY) -m tests.bench

# Its voices are the product's own, and flite's where it is installed.
bench-voice: setup .venv/.installed-dev ## how it listens: speaks to it by WebRTC, eight minutes; JSON on the last line
	@$(PY) -m tests.bench.voice

bench-rag: .venv/.installed-dev ## what rag-llm finds and says, and how it grows to 100 000 passages; JSON on the last line
	@$(PY) -m tests.rag.bench

bench-images: .venv/.installed ## sizes and build times of the images; empties the builder's cache; JSON on the last line
	@$(PY) -m tests.bench.images

bench-visemes: .venv/.installed-dev ## mouth shapes found in the sound of voices not trained on; needs flite; JSON on the last line
	@$(PY) -m tests.tts.bench

train-visemes: .venv-visemes/.installed ## train the model that finds them anew, on one core
	@.venv-visemes/bin/python -m services.tts.training

bench-echomimic: .venv-echomimic/.installed-dev ## its speed at true size with random weights, on a GPU; JSON on the last line
	@.venv-echomimic/bin/python -m tests.echomimic.bench

bench-xtts: .venv-xtts/.installed-dev ## its speed at true size with random weights, on a GPU; JSON on the last line
	@.venv-xtts/bin/python -m tests.xtts.bench

# --- what they need, made once and again when it has changed -------------------------------------------------------------

.venv/bin/python:
	@tools/step "Python" tools/install

.venv/.installed: requirements.lock | .venv/bin/python
	@tools/step "Python packages" tools/install $<
	@touch $@

.venv/.installed-dev: requirements-dev.lock | .venv/bin/python
	@tools/step "Linters and test tools" tools/install $<
	@touch .venv/.installed $@

.venv-echomimic/.installed: services/renderer/requirements-echomimic.lock
.venv-echomimic/.installed-dev: services/renderer/requirements-echomimic-dev.lock
.venv-xtts/.installed: services/tts/requirements-xtts.lock
.venv-xtts/.installed-dev: services/tts/requirements-xtts-dev.lock
.venv-visemes/.installed: services/tts/requirements-visemes.lock

.venv-%/.installed:
	@VENV=$(@D) tools/step "Python packages of $(@D)" tools/install $^
	@touch $@

.venv-%/.installed-dev:
	@VENV=$(@D) tools/step "Python packages of $(@D)" tools/install $^
	@touch $(@D)/.installed $@

# Needed where there is no Go on PATH.
.venv/bin/go: | .venv/bin/python
	@tools/step "Go" tools/install requirements-go.lock

# Go downloads as many modules at once as there are cores: on two cores that took 18 s instead of 6.
.run/bin/sfu-gateway: $(shell find $(GATEWAY) -name '*.go' -o -name 'go.*') | $(GO_WHEEL)
	@mkdir -p $(@D)
	@tools/step "Gateway" bash -c \
	  'GOMAXPROCS=16 $(GO) -C $(GATEWAY) mod download; $(GO) -C $(GATEWAY) build -o $(CURDIR)/$@ .'

.run/portrait.baked: $(wildcard services/renderer/portrait/*.py services/renderer/portrait/*/*.py) | .venv/.installed
	@tools/step "Face" $(PY) -m services.renderer.portrait.bake --every-style
	@mkdir -p $(@D) && touch $@

.run/bin/staticcheck: | $(GO_WHEEL)
	@mkdir -p $(@D)
	@GOBIN=$(CURDIR)/$(@D) GOFLAGS= tools/step "Staticcheck" $(GO) install $(STATICCHECK)
