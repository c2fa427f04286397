# From a fresh clone: `make run` serves a LUN, `make test` runs what a change must pass.
# Node comes from the lock file, so an old system Node is only asked to run npm once.

DATA   ?= ./data
PORTAL ?= 127.0.0.1:3260
API    ?= 127.0.0.1:8260
SIZE   ?=

comma := ,

BIN  := $(CURDIR)/node_modules/.bin
NODE := $(CURDIR)/node_modules/node/bin/node

.DEFAULT_GOAL := help
.PHONY: help run test install packages check typecheck lint format unit sim fuzz conformance e2e bench bench-aged

help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

install: ## Node and the npm packages of the lock file; again only when it changed
	@cmp -s package-lock.json node_modules/.installed-lock || { \
	  command -v npm >/dev/null 2>&1 || { \
	    echo 'install: npm is missing; install Node.js with npm (any version from 18 on)' >&2; exit 1; }; \
	  npm ci --no-audit --no-fund --loglevel=error 1>&2 && \
	  cp package-lock.json node_modules/.installed-lock; }
	@ln -sf ../../bin/scale node_modules/.bin/scale
	@test -x '$(NODE)' || { \
	  echo 'install: npm did not run the install script of the package `node`; allow it and run' >&2; \
	  echo '  rm -r node_modules && make install' >&2; exit 1; }

run: install ## one member in the foreground [DATA=dir PORTAL=host:port API=host:port SIZE=20G]
	@exec bin/scale serve --data '$(DATA)' --portal '$(PORTAL)' --api '$(API)' \
	  --first-volume demo=10G $(if $(SIZE),--disk '$(DATA)/disk$(comma)size=$(SIZE)')

packages: ## the Debian packages that tests use as initiators
	@sh test/packages.sh

test: install packages ## everything that a change must pass; closes with 'N passed, N failed'
	@PATH="$(BIN):$$PATH" '$(NODE)' test/run.ts

check: typecheck lint format ## types, lint with the import walls, formatting

typecheck: install
	@PATH="$(BIN):$$PATH" tsc --noEmit

lint: install
	@PATH="$(BIN):$$PATH" eslint .

format: install
	@PATH="$(BIN):$$PATH" prettier --check --log-level warn .

unit: install ## jest's unit project alone
	@PATH="$(BIN):$$PATH" jest --selectProjects unit

sim: install ## the pool in simulated worlds [SEED=first seed CASES=how many]
	@'$(NODE)' test/sim/main.ts --seed $(or $(SEED),1) --cases $(or $(CASES),1000)

fuzz: install ## bytes from outside through every decoder [SEED=first seed CASES=how many, or SECONDS=how long]
	@'$(NODE)' test/fuzz/main.ts --seed $(or $(SEED),1) $(if $(SECONDS),--seconds $(SECONDS),--cases $(or $(CASES),2000))

conformance: install packages ## libiscsi's whole suite in every set-up, on 512 and 4096-byte blocks [LIBISCSI_SUITE=program]
	@'$(NODE)' test/conformance/libiscsi.ts

e2e: install packages ## an image there and back, 20 kills, a Linux guest (debootstrap, qemu-system-x86) [KILLS SEED]
	@sh test/packages.sh e2e
	@'$(NODE)' test/e2e/image.ts
	@'$(NODE)' test/e2e/images.ts
	@'$(NODE)' test/e2e/kill.ts
	@'$(NODE)' test/e2e/kill-in-jobs.ts volume-delete clean snapshot-delete dedup rewrite scrub
	@'$(NODE)' test/e2e/task-storm.ts
	@'$(NODE)' test/e2e/vm/run.ts

bench: install ## beside tgt on the same two cores (tgt, libiscsi-dev), and the pool alone [RUNS SECONDS; BENCH=quick]
	@sh test/packages.sh bench
	@BENCH='$(BENCH)' '$(NODE)' test/bench/compare.ts
ifneq ($(BENCH),quick)
	@'$(NODE)' test/bench/pool/snapshot-time.ts
	@'$(NODE)' test/bench/pool/delete-rate.ts
	@'$(NODE)' test/bench/pool/copy-rate.ts
	@'$(NODE)' test/bench/offloaded-copy.ts
	@'$(NODE)' test/bench/mapped-volume.ts
	@'$(NODE)' test/bench/pool/recovery-time.ts
	@'$(NODE)' test/bench/pool/found-duplicates.ts
	@'$(NODE)' test/bench/pool/dedup-rate.ts
	@'$(NODE)' test/bench/pool/metadata-size.ts
endif

bench-aged: install ## random overwrites on a pool 80 % full, fresh and after 10 minutes [MINUTES SIZE=4G]
	@sh test/packages.sh bench
	@MINUTES='$(or $(MINUTES),10)' SIZE='$(or $(SIZE),4G)' '$(NODE)' test/bench/aged.ts
