# Two commands for everybody: `make app` serves the app, `make test` runs the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := OMP_WAIT_POLICY=PASSIVE $(VENV)/bin/python
UV := 0.13.8

.PHONY: app test test-slow test-hard test-cluster cluster lint examples dependencies dependencies-cluster clean

app: $(VENV)/app-installed on_device/site/release.json
	$(RUN) app.py

# The page that scores on the visitor's own device; without the npm registry the app runs without it, and says so.
on_device/site/release.json: $(VENV)/app-installed skin_model/weights/model.fp16.onnx skin_model/weights/locator.onnx interface/components/style.css skin_model/weights/outline.onnx skin_model/weights/repeatability.json $(wildcard on_device/*.py on_device/page/* on_device/page/*/* on_device/page/*/*/* skin_model/wording/*.json)
	$(RUN) -m on_device.build --out on_device/site || echo "The app starts without its page for your own device."

test: $(VENV)/tests-installed $(VENV)/browsers-looked-for lint
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# One after another on a machine that does nothing else, for they measure time.
test-slow: $(VENV)/tests-installed $(VENV)/browsers-looked-for
	$(RUN) -m pytest -m slow -n 0 -v -o junit_logging=system-out --junitxml=$(VENV)/slow.xml; \
	  found=$$?; $(RUN) -m benchmarks slow-tests $(VENV)/slow.xml && exit $$found

# Its old name, kept for scripts.
test-hard: test-slow

# Ray and Flower, beside what training needs, in an environment of their own: Flower wants an older typer.
cluster: .venv-cluster/installed

# The tests of archives on Ray and of training across hospitals; `make test` skips them where these are not installed.
test-cluster: .venv-cluster/tests-installed
	OMP_WAIT_POLICY=PASSIVE .venv-cluster/bin/python -m pytest -n 0 tests/train/batch_inference tests/train/federated

lint: $(VENV)/tests-installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache --no-logo

examples: $(VENV)/app-installed
	$(RUN) -m examples.render

# Licences and parts list of all that is installed, then known weaknesses in it (asks pypi.org).
dependencies: $(VENV)/tests-installed .venv-audit/installed
	.venv-audit/bin/pip-licenses --python $(VENV)/bin/python --format markdown --from mixed --output-file docs/licences.md
	.venv-audit/bin/cyclonedx-py environment $(VENV) --of JSON --output-reproducible -o docs/sbom.cdx.json
	$(VENV)/bin/uv pip freeze --python $(VENV) > $(VENV)/all.txt
	.venv-audit/bin/pip-audit -r $(VENV)/all.txt --no-deps --disable-pip

# The same of the environment with Ray and Flower, as a table only.
dependencies-cluster: .venv-cluster/tests-installed .venv-audit/installed
	.venv-audit/bin/pip-licenses --python .venv-cluster/bin/python --format markdown --from mixed --output-file docs/licences-cluster.md
	.venv-cluster/bin/uv pip freeze --python .venv-cluster > .venv-cluster/all.txt
	.venv-audit/bin/pip-audit -r .venv-cluster/all.txt --no-deps --disable-pip

.venv-audit/installed: requirements-audit.txt
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet -r requirements-audit.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-audit .venv-cluster

$(VENV)/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed. Install it, or name it: make app PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Name another: make app PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet uv==$(UV)

$(VENV)/app-installed: requirements.txt | $(VENV)/bin/uv
	$(VENV)/bin/python install_requirements.py requirements.txt
	@touch $@

$(VENV)/tests-installed: requirements.txt requirements-train.txt requirements-dev.txt | $(VENV)/bin/uv
	$(VENV)/bin/python install_requirements.py requirements-dev.txt
	@touch $@ $(VENV)/app-installed

.venv-cluster/bin/uv:
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/python -m pip install --quiet uv==$(UV)

# The override lets the file's typer stand in place of the app's.
.venv-cluster/installed: requirements.txt requirements-train.txt requirements-cluster.txt | .venv-cluster/bin/uv
	UV_OVERRIDE=requirements-cluster.txt .venv-cluster/bin/python install_requirements.py requirements-train.txt requirements-cluster.txt
	@touch $@

.venv-cluster/tests-installed: requirements-dev.txt .venv-cluster/installed
	UV_OVERRIDE=requirements-cluster.txt .venv-cluster/bin/python install_requirements.py requirements-dev.txt requirements-cluster.txt
	@touch $@

# Debian's Chromium where apt may install it, Playwright's own elsewhere; without either the browser tests skip and say so.
# Debian's Firefox only where apt may install it: the tests in Firefox skip without it.
$(VENV)/browsers-looked-for: $(VENV)/tests-installed
	@command -v chromium || command -v chromium-browser || command -v google-chrome \
	  || { test "$$(id -u)" = 0 && command -v apt-get && apt-get update -qq && apt-get install -y -qq chromium; } \
	  || $(VENV)/bin/playwright install chromium \
	  || echo "No browser could be installed: the browser tests will be skipped."
	@command -v firefox-esr \
	  || { test "$$(id -u)" = 0 && command -v apt-get && apt-get update -qq && apt-get install -y -qq firefox-esr; } \
	  || echo "Firefox could not be installed: the tests in Firefox will be skipped. With Debian: apt-get install firefox-esr"
	@touch $@
