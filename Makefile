# The verbs of this repository, the same for people and for CI. Each prepares .venv by itself.
# CONTRIBUTING.md says how to choose another Python or a smaller torch.

SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
# uv then takes the torch build that fits the machine, CPU or CUDA.
export UV_TORCH_BACKEND ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test check check-learning check-gpu bench format clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

demo: .venv/.base  ## an arm learns to insert a peg, in simulation and on a robot behind ROS 2; ends with a report
	@$(BIN)/robot-rl demo

test: .venv/.dev  ## all tests but the ones that train for minutes
	@$(BIN)/python -m pytest -n logical --no-loadscope-reorder

check: .venv/.dev  ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

check-learning: .venv/.dev  ## train every claim anew; writes build/learning.json
	@$(BIN)/python -m benchmarks.learning
	@$(BIN)/python -m pytest -m learning

bench: .venv/.bench  ## measure speed; writes build/bench.json
	@$(BIN)/python -m benchmarks

check-gpu: .venv/.bench  ## where there is a GPU: its tests, and the speed of learning from cameras
	@$(BIN)/python -m pytest tests/robot_rl/test_device.py
	@$(BIN)/python -m benchmarks.pixels cuda

format: .venv/.dev  ## format, and mend what lint can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

clean:  ## remove the environment and everything built; runs/ stays
	@rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

# What each set of packages is called in pyproject.toml.
.venv/.base: EXTRAS := [ros,twin]
.venv/.dev: EXTRAS := [dev]
.venv/.bench: EXTRAS := [dev,bench]

# One line per package, so that a long download is seen to go on; all of it is in .venv/install.log.
# What is imported is compiled then; to compile all that is installed takes as long as to install it.
PROGRESS := awk '/^Collecting/ {print "  " $$2; fflush()} /^Installing/ {print "  installing ..."; fflush()}'

.venv/.base .venv/.dev .venv/.bench: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing robot-rl$(EXTRAS) into .venv; the first time takes some minutes."
	@command -v uv >/dev/null \
	    && uv pip install --python $(BIN)/python -c constraints.txt -e '.$(EXTRAS)' \
	|| { set -o pipefail; \
	     $(BIN)/python -m pip install --no-compile -c constraints.txt -e '.$(EXTRAS)' 2>&1 \
	     | tee .venv/install.log | $(PROGRESS); } \
	|| { tail -n 20 .venv/install.log; exit 1; }
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "robot-rl needs Python 3.11 or newer, and $(PYTHON) is" \
	          "$$($(PYTHON) -V 2>/dev/null || echo missing). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv \
	|| { rm -rf .venv; echo "On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
