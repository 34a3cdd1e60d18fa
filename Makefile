# Two commands to learn: `make demo` shows the main job at work, `make test` passes everything. Both set up what they need in .venv.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check --require-hashes
LOCK = $(PY) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
ONCE ?=
BROKER := mosquitto=mosquitto mosquitto_passwd=mosquitto dbus-daemon=dbus-daemon
PROOFS := cc=build-essential strace=strace ip=iproute2 nft=nftables faketime=faketime
# What pages are looked at with: a browser, and letters for both languages.
BROWSER = chromium=chromium package:fonts-noto-cjk=fonts-noto-cjk

.PHONY: demo voice test quick check prove year month truth bench fuzz deb repo release sbom screenshots taps weight java lock clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo         a household'"'"'s recorded day through the gateway (ONCE=1: end after the summary)'
	@echo 'make voice        render the phrases that the home speaks (espeak-ng)'
	@echo 'make test         lint, types and all tests, on real parts'
	@echo 'make quick        what needs nothing but the code, within a minute'
	@echo 'make check        lint and types only'
	@echo 'make prove        the twelve promises on real parts (SHORT=1: some minutes; NAMES="disk uplink": only these)'
	@echo 'make year         a simulated year of a home through the real daemon (some ten minutes)'
	@echo 'make month        a simulated month of a county'"'"'s homes, and what its desk is told (SEED=7 HOMES=45 DAYS=30; ONLY=3,24: two of its homes)'
	@echo 'make bench        measure beside the floor (QUICK=1: about a minute)'
	@echo 'make fuzz         fuzz every decoder, going on from what was found before (SECONDS=600)'
	@echo 'make deb          the Debian packages for arm64 and amd64, into build/ (no compiler; SOURCE_DATE_EPOCH: the time in them)'
	@echo 'make repo         a signed apt repository of these packages (DIR=/srv/apt KEY=what gpg calls it DAYS=90)'
	@echo 'make release      wheel, source archive, packages, bill of materials and their hashes, into build/release (KEY=: signed)'
	@echo 'make sbom         what runs in a home, with hashes, as CycloneDX into build/sbom.cdx.json'
	@echo 'make java         Java classes of the contract, made by a generator and compiled (300 packages of npm)'
	@echo 'make taps         the installation of a home in a real browser: its taps, typed fields and page loads'
	@echo 'make weight       what each page weighs on the wire, and its first paint on a slow phone and line'
	@echo 'make screenshots  every page in both languages, light and dark, phone and desktop, into build/screenshots (DOCS=1: the pictures of the manual, into docs)'

demo: $(VENV)/.demo $(VENV)/.voice
	@.ci/need dbus-daemon=dbus-daemon
	@$(PY) -m gateway.demo $(if $(filter-out 0,$(ONCE)),--once)

voice: $(VENV)/.voice

# The phrases that the home speaks are rendered once; without a synthesiser the box has its tones alone.
$(VENV)/.voice: gateway/voice/zh.py gateway/voice/en.py gateway/voice/render.py | $(VENV)/bin/python
	@.ci/need espeak-ng=espeak-ng
	@$(PY) -m gateway.voice.render >/dev/null
	@touch $@

# The disk of the virtual machine is made beside the tests where it is not there yet: nothing else takes so long on a fresh machine.
# The limit ends a run that hangs; a busy machine must not reach it.
test: $(VENV)/.dev $(VENV)/.contract $(VENV)/.voice $(VENV)/.compiled
	@.ci/need $(BROKER) aplay=alsa-utils systemd-analyze=systemd gpg=gnupg apt-ftparchive=apt-utils $(BROWSER) $(PROOFS)
	@$(MAKE) --no-print-directory check
	@mkdir -p build; nice -n 5 $(PY) -m tests.vm > build/vm.log 2>&1 &
	timeout --kill-after=30 5400 $(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/.dev
	$(PY) -m pytest -n 2 --dist worksteal tests/unit

check: $(VENV)/.dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

prove: $(VENV)/.dev
	@.ci/need $(BROKER) $(PROOFS)
	$(if $(filter-out 0,$(SHORT)),timeout --kill-after=30 1200) $(PY) -m tests.prove $(if $(filter-out 0,$(SHORT)),--short) $(NAMES)

year: $(VENV)/.dev
	$(PY) -m tests.prove year

month: $(VENV)/.dev
	@$(PY) -m tests.month --seed $(or $(SEED),7) --homes $(or $(HOMES),45) --days $(or $(DAYS),30) --true $(or $(TRUE),1) --only "$(ONLY)" $(if $(REPEATS),--repeats)

truth: $(VENV)/.dev
	@$(PY) -m tests.truth --seed $(or $(SEED),1) --days $(or $(DAYS),365) --only "$(ONLY)"

bench: $(VENV)/.dev $(VENV)/.bench
	@.ci/need mosquitto=mosquitto dbus-daemon=dbus-daemon
	$(PY) -m tests.bench.bench $(if $(filter-out 0,$(QUICK)),--quick)

taps: $(VENV)/.dev
	@.ci/need mosquitto=mosquitto dbus-daemon=dbus-daemon $(BROWSER)
	@$(PY) -m tests.page.taps

weight: $(VENV)/.dev
	@.ci/need $(BROWSER)
	@$(PY) -m tests.page.weight

screenshots: $(VENV)/.dev
	@.ci/need $(BROWSER)
	$(PY) -m tests.write.screenshots $(if $(filter-out 0,$(DOCS)),--docs)

java: $(VENV)/.dev $(VENV)/.contract-java
	@.ci/need javac=default-jdk-headless node=nodejs
	@$(PY) -m tests.contract.java

# Wheels of the lock for either architecture are fetched into build/wheels, once.
deb: $(VENV)/.dev
	@.ci/need espeak-ng=espeak-ng dpkg-deb=dpkg
	@$(PY) -m tests.write.deb

repo: $(VENV)/.dev
	@.ci/need gpg=gnupg apt-ftparchive=apt-utils
	@$(PY) -m tests.write.deb.repository "$(or $(DIR),$(error DIR= is missing: where the repository lies))" --key "$(or $(KEY),$(error KEY= is missing: gpg --list-secret-keys))" --days $(or $(DAYS),90)

release: deb
	@$(PY) -m tests.write.deb.release $(if $(KEY),--key "$(KEY)")

sbom: $(VENV)/.dev
	$(PY) -m tests.write.sbom

fuzz: $(VENV)/.dev
	$(PY) -m tests.fuzz.fuzz_drivers --seconds $(or $(SECONDS),600)

# Pins with hashes, for every Python and Linux machine we run on. Needs uv: .venv/bin/pip install uv
lock:
	$(LOCK) pyproject.toml --extra build -o config/lock/run.txt
	$(LOCK) pyproject.toml --extra build --extra modbus -c config/lock/run.txt -o config/lock/modbus.txt
	$(LOCK) pyproject.toml --extra build --extra gpio -c config/lock/run.txt -o config/lock/gpio.txt
	$(LOCK) pyproject.toml --extra build --extra messenger -c config/lock/run.txt -o config/lock/messenger.txt
	$(LOCK) pyproject.toml --extra build --extra demo -o config/lock/demo.txt
	$(LOCK) pyproject.toml --extra dev -o config/lock/dev.txt
	$(LOCK) pyproject.toml --extra bench -o config/lock/bench.txt

$(VENV)/bin/python:
	@.ci/need --python $(PYTHON)
	@echo 'setting up .venv (once; a minute or two) ...'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: config/lock/demo.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) -r config/lock/demo.txt
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: config/lock/dev.txt pyproject.toml | $(VENV)/bin/python
	@$(PIP) -r config/lock/dev.txt
	@$(PY) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.demo

# Compiled once; later each worker of a run compiles what was changed.
$(VENV)/.compiled: | $(VENV)/.dev
	@$(PY) -m pytest --collect-only -qq >/dev/null || true  # what is wrong the run itself says
	@touch $@

# Tools of npm that read the contract as integrators do and the page's files as an old phone does; some twenty seconds. What they would run when they are installed stays unrun.
$(VENV)/.contract: tests/contract/package.json tests/contract/package-lock.json | $(VENV)/bin/python
	@.ci/need node=nodejs npm=npm
	@mkdir -p $(VENV)/contract && cp $^ $(VENV)/contract
	@cd $(VENV)/contract && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

$(VENV)/.contract-java: tests/contract/java/package.json tests/contract/java/package-lock.json | $(VENV)/bin/python
	@.ci/need node=nodejs npm=npm
	@mkdir -p $(VENV)/contract-java && cp $^ $(VENV)/contract-java
	@cd $(VENV)/contract-java && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# Compiled here, half a minute; without a compiler the bench says that it is not measured.
$(VENV)/.bench: config/lock/bench.txt | $(VENV)/.dev
	@$(PIP) -r config/lock/bench.txt || echo 'TheengsDecoder could not be compiled here: the bench goes on without it'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
