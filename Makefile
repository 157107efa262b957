# Shorthands for what README.md and CONTRIBUTING.md spell out. `make help` lists them.
PYTHON ?= .venv/bin/python

.PHONY: help install check fix bench browser exam conformance report readme figures

help:  ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install:  ## Environment with everything that development needs
	python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev,bench,browser]'

check:  ## All tests: lint, format, types and layers are among them
	$(PYTHON) -m pytest -n 2

fix:  ## Repair what ruff can repair
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench:  ## Speed and memory against peers, as ratios
	$(PYTHON) -m pytest -m benchmark tests/benchmarks

browser:  ## The report in a real Chromium
	$(PYTHON) -m pytest -m browser tests/browser

exam:  ## The long checks before a release
	$(PYTHON) -m pytest -n 2 -m exam

conformance:  ## ONNX's own conformance suite against shapes, types and bytes: figures, and failures by name
	$(PYTHON) tests/oracles/conformance.py

report:  ## report.html of a model of this repository
	$(PYTHON) -m onnxroof analyze models/resnet50.onnx -o report.html

readme:  ## Renew the sample of the output in README.md
	$(PYTHON) tests/contract/test_readme.py

figures:  ## Draw the picture of docs/reuse.md anew
	$(PYTHON) tests/contract/test_reuse_page.py
