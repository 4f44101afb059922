# What a person types. Each target sets up what it needs in .venv; nothing else is touched.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NAME   ?=
NODE   ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench crds proto images cluster cluster-down clean

help: ## Show the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade pip
# torch first: its CPU build is found by its exact version, before another package asks for any.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[jobs,openvino,onnxruntime,operator,test]'
	@touch $@

demo: $(VENV)/.installed ## Take a self-made corpus to a promoted int8 model (under 3 minutes)
	$(BIN)/nerd demo

test: $(VENV)/.installed ## Run all tests, in three parts; those that need ../shared skip where it is absent
	$(BIN)/python -m tests

lint: $(VENV)/.installed ## ruff, mypy strict, import walls, drift of what is generated
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m ner_operator.schema.crd --check
	$(BIN)/python -m ner_operator.schema.reference --check
	$(BIN)/python charts/readme.py --check

format: $(VENV)/.installed ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crds: $(VENV)/.installed ## Generate crds/, docs/reference.md, the chart's CRDs and its README
	$(BIN)/python -m ner_operator.schema.crd --write
	$(BIN)/python -m ner_operator.schema.reference --write
	$(BIN)/python charts/readme.py --write

proto: $(VENV)/.installed ## Generate the device emulator's Python from its .proto
	cd images/device-emulator && $(abspath $(BIN))/python -m grpc_tools.protoc --proto_path=. \
	  --python_out=. --pyi_out=. --grpc_python_out=. device_emulator/kubelet/v1beta1.proto

images: $(VENV)/.installed ## Build the three images with buildah, as archives in .cache/images
	PYTHON=$(BIN)/python images/build

bench: $(VENV)/.installed ## Measure: make bench NAME=quality|int8|infer|epoch|evaluate|cached|store|overhead|scale|idle, or all
	$(BIN)/python -m benchmarks $(NAME)

cluster: $(VENV)/.installed ## Start Kubernetes and leave it running; with a real node (root): make cluster NODE=1
	@$(BIN)/python -m testbed up $(if $(NODE),--node)

cluster-down: $(VENV)/.installed ## End that cluster and remove every trace of it
	@$(BIN)/python -m testbed down

clean: ## Remove the environment and caches
	@[ ! -d .cache/cluster ] || $(MAKE) cluster-down
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache build *.egg-info
