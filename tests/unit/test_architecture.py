"""ARCHITECTURE.md has a row for each module, and no row for one that is gone."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("engine", "plugins", "simulator")


def rows_of_the_code() -> list[str]:
    rows: list[str] = []
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            doc = ast.get_docstring(ast.parse(file.read_text())) or ""
            idea = doc.partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
            rows.append(f"| `{file.relative_to(ROOT)}` | {idea} |")
    return rows


def test_each_module_says_in_its_first_line_what_it_is() -> None:
    assert [row for row in rows_of_the_code() if row.endswith("|  |")] == []


def test_the_architecture_has_a_row_for_each_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text.partition("## Modules")[2]
    written = [line for line in table.splitlines() if line.startswith("| `")]
    assert written == rows_of_the_code()
