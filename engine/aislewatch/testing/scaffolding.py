"""A new plugin as a whole package of its own: written from templates, green on its first run.

The templates beside this module are a plugin that works: a device that says a line for each tag,
its driver, its twin and their tests. Who brings a device changes what differs; what a plugin has to
get right stays.
"""

from __future__ import annotations

import keyword
import re
import sys
from importlib.metadata import packages_distributions
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from aislewatch.errors import UsageError
from aislewatch.runtime.discovery import sensor_names

TEMPLATES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    ".gitignore": "gitignore",
    "src/{module}/__init__.py": "init.py",
    "src/{module}/py.typed": "",
    "src/{module}/config.py": "config.py",
    "src/{module}/driver.py": "driver.py",
    "src/{module}/frames.py": "frames.py",
    "src/{module}/quality.yml": "quality.yml",
    "src/{module}/sensor.py": "sensor.py",
    "src/{module}_twin/__init__.py": "twin.py",
    "src/{module}_twin/py.typed": "",
    "tests/test_contract.py": "test_contract.py",
    "tests/test_frames.py": "test_frames.py",
}
"""By path in the package, the template; its name ends in ``.txt``, for it is no source of ours."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LETTERS_MAX: Final = 40


def name_of(name: str) -> str:
    """Check the name of a new plugin.

    Raises:
        UsageError: it cannot be one, or is taken in this installation.
    """
    if not _NAME.fullmatch(name) or len(name) > _LETTERS_MAX:
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:_LETTERS_MAX]
        hint = f"; {near!r} would do" if _NAME.fullmatch(near) else ""
        message = (
            f"{name!r} is no name for a plugin: write up to {_LETTERS_MAX} small letters and "
            f"digits, parts joined by '-'{hint}"
        )
        raise UsageError(message)
    module = module_of(name)
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        message = f"{name!r} is a word of Python's own; add to it, as in '{name}-reader'"
        raise UsageError(message)
    if name in sensor_names():
        message = f"there is a sensor plugin {name!r} in this installation already"
        raise UsageError(message)
    taken = {module, f"{module}_twin"} & ({*packages_distributions()} | sys.stdlib_module_names)
    if taken:
        message = f"{name!r} would hide the Python module {min(taken)!r}; choose another name"
        raise UsageError(message)
    return name


def module_of(name: str) -> str:
    """Give the Python package of a plugin.

    >>> module_of("shoe-mat")
    'shoe_mat'
    """
    return name.replace("-", "_")


def write_package(name: str, title: str, folder: Path) -> list[Path]:
    """Write a new plugin's package.

    Args:
        name: checked by `name_of`.
        title: what the device is, in a few words.
        folder: of the package; is made, and must be empty if it is there.

    Returns:
        The files, in the order in which they are worth reading.

    Raises:
        UsageError: the folder holds something, or cannot be written.
    """
    if set(title) & set('"\\\n\r{}') or not title.strip():
        message = f"{title!r} is no title: a few words, without quotes, braces and new lines"
        raise UsageError(message)
    module = module_of(name)
    words = {
        "name": name,
        "module": module,
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "title": title,
    }
    written: list[Path] = []
    try:
        if folder.exists() and any(folder.iterdir()):
            message = f"{folder} is there already and holds something; name another with --out"
            raise UsageError(message)
        for path, template in TEMPLATES.items():
            file = folder / path.format(module=module)
            file.parent.mkdir(parents=True, exist_ok=True)
            text = _template(template).substitute(words) if template else ""
            file.write_text(text, encoding="utf-8")
            written.append(file)
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror or error}"
        raise UsageError(message) from None
    return written


def _template(name: str) -> Template:
    found = files("aislewatch.testing") / "scaffold" / f"{name}.txt"
    return Template(found.read_text(encoding="utf-8"))
