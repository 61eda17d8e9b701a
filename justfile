export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

# List the recipes.
help:
    @just --list --unsorted

# Make .venv with everything needed to develop.
setup:
    python3 -m venv .venv
    pip install --quiet --constraint constraints.txt --editable '.[live,plot,dev]'

# Show the whole system at work in front of a simulated shop, in about a minute.
demo *args:
    aislewatch demo {{args}}

# Format, and fix what can be fixed.
fmt:
    ruff check --fix
    ruff format

# Style, types and layering.
lint:
    ruff format --check
    ruff check
    lint-imports
    mypy
    pyright

# All tests but the slow ones, two files at a time; `just test tests/rules` for some of them.
test *args:
    pytest -n 2 --dist loadfile -m "not slow" {{args}}

# Everything CI runs.
check: lint test

# Write what editors need to complete, explain and check the shipped rules.
schema:
    aislewatch rules schema rules --out schema/rule.schema.json

# Check the shipped rules, run the tests inside them, and name what those leave open.
rules *args:
    aislewatch rules check rules
    aislewatch rules lock rules --check
    aislewatch rules test rules {{args}}

# The slow and the large: long streams, many seeds, whole months.
soak *args:
    pytest -m slow --timeout 3600 {{args}}

# Fuzz one decoder by coverage for as long as you like: `just fuzz llrp --seconds 3600`.
fuzz name *args:
    python tests/fuzz/fuzz_decoder.py {{name}} {{args}}

# Print the figures: `just bench rules`, or detect, memory, hops or plugins; all without a name.
bench name="all" *args:
    for one in {{ if name == "all" { "detect rules memory hops plugins" } else { name } }}; do \
        python tests/bench/bench_$one.py {{args}} || exit; \
    done

# What of other engines' pattern cases the rule language says, by feature, and why not the rest.
conformance:
    python tests/conformance/conformance_table.py

# Write the versions that were tested together into constraints.txt.
pin:
    pip freeze --exclude-editable --exclude pip --exclude setuptools | grep -v ' @ ' > constraints.txt
