# Every target works on a fresh machine with python3: the scripts set up what is missing.
.PHONY: demo test check lint format bench asan fuzz docs clean

demo:
	scripts/demo

test:
	scripts/test

# What a change must pass before it is proposed.
check: lint test

lint:
	scripts/lint

format:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	find csrc tests/cpp tests/fuzz -type f \( -name '*.cc' -o -name '*.h' \) -exec .venv/bin/clang-format -i {} +

bench:
	. scripts/setup.sh && setup dev && .venv/bin/python -m bench

# The C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer.
asan:
	. scripts/setup.sh && setup dev && sh tests/cpp/build.sh --asan

# Every decoder under libFuzzer, five minutes each; needs clang.
fuzz:
	. scripts/setup.sh && setup dev && sh tests/fuzz/run.sh

# The documents' links, their claims about the code, and the commands that they show.
docs:
	scripts/test tests/house/test_docs.py tests/house/test_quickstart.py

clean:
	rm -rf build .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find modelhub -name '*.so' -delete
	rm -f .venv/stamp-extensions
