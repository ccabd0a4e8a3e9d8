# A thin layer over ordinary tools: uv or pip, go, pytest. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
CODE := services/common services/stack services/rag_llm services/tts services/renderer services/asr services/orchestrator_api tests
GO := $(CURDIR)/tools/go
GATEWAY := services/sfu-gateway
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

export GOFLAGS := -mod=readonly
export GOTOOLCHAIN := local
export CGO_ENABLED := 0
export PYTHON ?= python3

.PHONY: help up setup setup-echomimic setup-xtts test test-echomimic test-xtts test-vllm test-network compose-test check
.PHONY: bench bench-echomimic bench-xtts bench-rag bench-images bench-visemes train-visemes ingest clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

up: setup ## install what is missing, start everything, print the address; Ctrl-C stops it
	@exec $(PY) -m services.stack

setup: .venv/.installed
	@$(MAKE) -s -j2 .run/bin/sfu-gateway .run/portrait.baked

test: setup .venv/.installed-dev ## all tests, on free ports, beside a running make up
	@tools/chromium
	cd $(GATEWAY) && $(GO) test ./...
	$(PY) -m pytest --ignore=tests/network

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

setup-echomimic: .venv-echomimic/.installed ## the environment of RENDER_ENGINE=echomimic: torch and its libraries, 5 GB

test-echomimic: .venv-echomimic/.installed-dev ## the tests of that engine, small and on the CPU
	.venv-echomimic/bin/python -m pytest tests/echomimic

bench-echomimic: .venv-echomimic/.installed-dev ## its speed at true size with random weights, on a GPU; JSON on the last line
	@.venv-echomimic/bin/python -m tests.echomimic.bench

setup-xtts: .venv-xtts/.installed ## the environment of TTS_ENGINE=xtts: torch and its libraries, 6 GB

test-xtts: .venv-xtts/.installed-dev ## the tests of that engine, small and on the CPU
	.venv-xtts/bin/python -m pytest tests/xtts

bench-xtts: .venv-xtts/.installed-dev ## its speed at true size with random weights, on a GPU; JSON on the last line
	@.venv-xtts/bin/python -m tests.xtts.bench

check: .venv/.installed-dev .run/bin/staticcheck ## format, lint and types, Python and Go
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy $(CODE)
	@unformatted=$$(cd $(GATEWAY) && $$($(GO) env GOROOT)/bin/gofmt -l .); \
	  test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	cd $(GATEWAY) && $(GO) vet ./...
	cd $(GATEWAY) && PATH="$$($(GO) env GOROOT)/bin:$$PATH" $(CURDIR)/.run/bin/staticcheck ./...
	@$(MAKE) check-page

# The page needs none of this to run; where there is no npm its checks are left out.
PAGE_TOOLS := web-samples/node_modules/.package-lock.json
.PHONY: check-page
check-page: ## the page's JavaScript: types, lint and unit tests; needs npm
	@if command -v npm >/dev/null; then $(MAKE) -s $(PAGE_TOOLS) && npm --prefix web-samples run --silent check; \
	else echo "The page's JavaScript is not checked: there is no npm here. It comes with Node.js, 20.19 or newer."; fi

$(PAGE_TOOLS): web-samples/package-lock.json
	@cd web-samples && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

bench: setup .venv/.installed-dev ## the whole path, measured at a WebRTC viewer; JSON on the last line
	@$(PY) -m tests.bench

# Its voices are the product's own, and flite's where it is installed.
.PHONY: bench-voice
bench-voice: setup .venv/.installed-dev ## how it listens: speaks to it by WebRTC, eight minutes; JSON on the last line
	@$(PY) -m tests.bench.voice

bench-rag: .venv/.installed-dev ## what rag-llm finds and says, and how it grows to 100 000 passages; JSON on the last line
	@$(PY) -m tests.rag.bench

bench-visemes: .venv/.installed-dev ## mouth shapes found in the sound of voices not trained on; needs flite; JSON on the last line
	@$(PY) -m tests.tts.bench

train-visemes: .venv-visemes/.installed ## train the model that finds them anew, on one core
	@.venv-visemes/bin/python -m services.tts.training

bench-images: .venv/.installed ## sizes and build times of the images; empties the builder's cache; JSON on the last line
	@$(PY) -m tests.bench.images

ingest: .venv/.installed ## read the documents in CORPUS_DIR into the index
	@$(PY) -m services.rag_llm.ingest

clean: ## remove all that was installed and built
	rm -rf .venv .venv-echomimic .venv-xtts .venv-visemes .run .pytest_cache .mypy_cache .ruff_cache
	find services tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.lock
	@tools/install $<
	@touch $@

.venv/.installed-dev: requirements-dev.lock
	@tools/install $<
	@touch .venv/.installed $@

.venv-echomimic/.installed: services/renderer/requirements-echomimic.lock
.venv-echomimic/.installed-dev: services/renderer/requirements-echomimic-dev.lock
.venv-xtts/.installed: services/tts/requirements-xtts.lock
.venv-xtts/.installed-dev: services/tts/requirements-xtts-dev.lock
.venv-visemes/.installed: services/tts/requirements-visemes.lock

.venv-%/.installed:
	@VENV=$(@D) tools/install $^
	@touch $@

.venv-%/.installed-dev:
	@VENV=$(@D) tools/install $^
	@touch $(@D)/.installed $@

.run/bin/sfu-gateway: $(shell find $(GATEWAY) -name '*.go' -o -name 'go.*') | .venv/.installed
	@echo "Building the gateway (the first time this compiles its libraries: up to a minute)"
	@mkdir -p $(@D)
	@cd $(GATEWAY) && $(GO) build -trimpath -o $(CURDIR)/$@ .

.run/portrait.baked: $(wildcard services/renderer/portrait/*.py services/renderer/portrait/*/*.py) | .venv/.installed
	@echo "Drawing the face"
	@$(PY) -m services.renderer.portrait.bake --every-style
	@mkdir -p $(@D) && touch $@

.run/bin/staticcheck:
	@mkdir -p $(@D)
	@GOBIN=$(CURDIR)/$(@D) GOFLAGS= $(GO) install $(STATICCHECK)
