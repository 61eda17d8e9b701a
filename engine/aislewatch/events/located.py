"""YAML files that remember where each value stood.

Rules, store files and mapping files are read through here, so that every mistake in them names its
line and column, and all of them come at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.model_mistakes import explain
from aislewatch.events.yaml_nodes import Flaw, Node, read_nodes
from aislewatch.events.yaml_offsets import value_offsets

Model = TypeVar("Model", bound=BaseModel)
Path = Sequence[str | int]
"""Keys and list positions from the root of the file to a value."""

_COMMENT = re.compile(r"[ \t]+(#[ \t]*([^\r\n]*))")


class LocatedYaml:
    """One YAML file: its values as raw text, and where each of them stands.

    Made by :meth:`parse`. Values are text, lists, dicts and None; nothing is typed until a model
    reads it.

    Attributes:
        file: path as the person named it.
        text: the file.
        data: the values without places.
    """

    def __init__(self, text: str, file: str, root: Node | None) -> None:
        self.text = text
        self.file = file
        self.data: Any = root.data if root is not None else None
        self._root = root
        self._offsets: dict[int, list[int]] = {}

    @classmethod
    def parse(cls, text: str, file: str) -> LocatedYaml:
        """Read one YAML document.

        Args:
            text: the file; a byte order mark is passed over.
            file: path for messages.

        Raises:
            FileMistakes: it is not YAML, or uses tags, anchors, aliases, merge keys, directives,
                several documents or a key twice; all of them, if they can be told apart.
        """
        text = text.removeprefix("\ufeff")
        root, flaws = read_nodes(text)
        document = cls(text, file, root)
        if flaws or root is None:
            raise FileMistakes([document._flawed(flaw) for flaw in flaws])
        return document

    def validate(self, model: type[Model], *, context: Any = None) -> Model:
        """Read the values into a pydantic model, in lax mode: the declared type decides.

        Args:
            model: forbids extra keys, in all of its parts.
            context: handed to the model's validators.

        Raises:
            FileMistakes: every mistake that the model finds, in plain words and with its place.
        """
        try:
            return model.model_validate(self.data, context=context)
        except ValidationError as error:
            complaints = explain(error, model, self.data)
            raise FileMistakes(
                [
                    self.mistake(
                        c.path,
                        c.message,
                        hint=c.hint,
                        offset=c.offset,
                        length=c.length,
                        on_key=c.on_key,
                    )
                    for c in complaints
                ]
            ) from None

    def mistake(
        self,
        path: Path,
        message: str,
        *,
        hint: str = "",
        offset: int = 0,
        length: int | None = None,
        on_key: bool = False,
        severity: str = "error",
    ) -> Mistake:
        """Locate a mistake.

        Args:
            path: to the value; where the file does not go that far, the last part that is there.
            message: one sentence.
            hint: how to mend it.
            offset: where in the value's text, in characters.
            length: how many characters of the value's text; None for all that follows.
            on_key: the key is meant, not its value.
            severity: ``error`` or ``warning``.
        """
        node, key = self._find(path)
        if node is None:
            return Mistake(self.file, 0, 0, message, hint=hint, severity=severity)
        start, end = node.start, node.end
        if key is not None and (on_key or node.start == node.end):
            start, end = key.start, key.end
        elif isinstance(node.value, str):
            offsets = self._scalar_offsets(node)
            offset = min(max(offset, 0), len(offsets) - 1)
            last = len(offsets) - 1 if length is None else min(offset + length, len(offsets) - 1)
            whole = offset == 0 and length is None and node.style not in {"|", ">"}
            if not whole:
                start, end = offsets[offset], offsets[last - 1] + 1 if last > offset else 0
        elif node.value is not None:
            end = start + 1  # A list or mapping: where it begins is enough.
        return self._at(start, max(1, end - start), message, hint, severity)

    def span(self, path: Path) -> tuple[int, int]:
        """Give where a scalar begins and ends in the text, quotes included; it is there."""
        node, _ = self._find(path)
        assert node is not None, path
        return node.start, node.end

    def comment_behind(self, path: Path) -> tuple[int, str] | None:
        """Give the comment behind a plain scalar on its last line, where there is one.

        An expression that holds a '#' is silently cut short there, so its reader asks.

        Returns:
            The comment's offset in the file, for :meth:`mistake_at`, and its text without the '#'.
        """
        node, _ = self._find(path)
        if node is None or node.style or not isinstance(node.value, str):
            return None
        found = _COMMENT.match(self.text, node.end)
        return (found.start(1), found[2].strip()) if found is not None else None

    def mistake_at(self, index: int, length: int, message: str, *, hint: str = "") -> Mistake:
        """Locate a mistake at a character of the file that belongs to no value."""
        return self._at(index, length, message, hint, "error")

    def _find(self, path: Path) -> tuple[Node | None, Node | None]:
        node, key = self._root, None
        for part in path:
            value = node.value if node is not None else None
            if isinstance(value, dict) and part in value:
                assert node is not None
                node, key = value[str(part)], node.keys[str(part)]
            elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
                node, key = value[part], None
            else:
                break
        return node, key

    def _scalar_offsets(self, node: Node) -> list[int]:
        known = self._offsets.get(node.start)
        if known is None:
            assert isinstance(node.value, str)
            raw = self.text[node.start : node.end]
            known = [node.start + at for at in value_offsets(node.value, raw, node.style)]
            self._offsets[node.start] = known
        return known

    def _flawed(self, flaw: Flaw) -> Mistake:
        return self._at(flaw.start, flaw.length, flaw.message, flaw.hint, "error")

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(m.end() for m in re.finditer("\n", self.text))]

    def _at(self, index: int, length: int, message: str, hint: str, severity: str) -> Mistake:
        line = self.text.count("\n", 0, index)
        start = self._line_starts[line]
        source = self.text[start:].split("\n", 1)[0].rstrip("\r")
        return Mistake(
            file=self.file,
            line=line + 1,
            column=index - start + 1,
            message=message,
            length=max(1, min(length, len(source) - (index - start))),
            source=source,
            hint=hint,
            severity=severity,
        )
