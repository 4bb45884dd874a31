# The same as the commands they call, for those who type make.
.PHONY: run test lint bench chaos format requirements doctor smoke

run:            ## start the whole platform
	bin/run

test:           ## set up and run the checks and tests
	bin/test

lint:           ## the checks of bin/test, without the tests
	bin/test --lint

bench:          ## measure
	bin/setup --tests
	.venv/bin/python benchmarks/submit.py
	.venv/bin/python benchmarks/live.py
	.venv/bin/python benchmarks/platform.py
	.venv/bin/python benchmarks/engine.py
	.venv/bin/python benchmarks/scale.py

chaos:          ## break a platform in every way while learners submit; is anything lost?
	bin/setup --tests
	.venv/bin/python -m tests.chaos

format:         ## let ruff format the code and mend what it can
	bin/setup --tests
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

requirements:   ## bring docs/requirements.md up to date
	bin/requirements

doctor:         ## what works on this machine, and what does not
	bin/setup
	.venv/bin/python manage.py doctor

smoke:          ## does the running platform judge as it should
	.venv/bin/python manage.py smoke
