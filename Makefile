# Aliases. What they do is in xtask/ (cargo xtask --help).

.PHONY: help run test lint fmt cluster bench faults hostile load rolling-restart chart

help: ## what there is
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 24

run: ## every role in one process, with the web client at http://127.0.0.1:8080/
	cargo xtask run

test: ## all tests, with private Postgres and Redis
	cargo xtask test

lint: ## everything that is checked without running it
	cargo xtask lint

fmt: ## format Rust, protobuf and TypeScript sources
	cargo xtask fmt

cluster: ## two of each role on this machine, with a private Postgres and Redis
	cargo xtask cluster

bench: ## hubbub measured against its peers: see loadtest/README.md
	cargo xtask bench $(ARGS)

hostile: ## hostile clients against a release build: make hostile ARGS="--only half-bodies"
	cargo xtask hostile $(ARGS)

faults: ## faults under load, judged: make faults SEED=7 DURATION=20m
	cargo xtask faults $(ARGS)

load: ## a k6 scenario, with the k6 you have: HUBBUB_URLS=… HUBBUB_SECRET=… make load SCENARIO=steady-chat
	cargo xtask k6 $(SCENARIO) $(ARGS)

rolling-restart: ## three gateways replaced under load, judged
	cargo xtask rolling-restart $(ARGS)

chart: ## what is made from the chart: its README, the manifests it is compared with
	cargo xtask chart
