"""The patterns file: how an integrator says, without code, what a printed receipt means.

YAML with regular expressions whose named groups are the fields of what a line tells. All mistakes
are told at once, each with its line.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.conversion import exact, gtin14, mass_mg, money_minor
from aislewatch.events.kinds import Tender
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch_plugins.pos.config import Part
from aislewatch_plugins.pos.linear import Pattern, compile_pattern
from aislewatch_plugins.pos.words import WORDS

MOST_PATTERNS = 200
_WEIGHTS = {"weight_mg": "mg", "weight_g": "g", "weight_kg": "kg", "weight_lb": "lb"}
_AMOUNTS = {"price": "price_minor", "amount": "amount_minor"}
_FIGURES = frozenset({"units", "minimum_age"})
NAMES = frozenset({"receipt", "basket", "cashier", "shift_id", "customer", "lane"})
"""Groups of the patterns that name the receipt as a whole."""

Texts = Annotated[list[str], Field(max_length=MOST_PATTERNS)]


def _encoding(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        message = f"{name!r} is no encoding; write e.g. cp437, cp858 or utf-8"
        raise ValueError(message) from None
    return name


class LinePart(Part):
    """What a line of a receipt tells.

    Attributes:
        kind: one of :data:`~aislewatch_plugins.pos.words.WORDS`.
        match: the pattern, looked for in the line.
        over: how many lines it is looked for in: 2 for the line before and this one.
        fields: that the line does not say and that follow from it.
    """

    kind: str
    match: str
    over: Literal["1", "2"] = "1"
    fields: dict[str, str] = Field(default_factory=dict[str, str])


class PatternsFile(Part):
    """A patterns file as written.

    Attributes:
        patterns: its name.
        encoding: of the text, where the till does not choose a code page.
        decimal: the sign before cents.
        names: patterns whose groups name the receipt as a whole: receipt, cashier, customer...
        lines: what lines tell; of several that fit the first counts.
        begins: a line like this begins a receipt.
        ends: a line like this is a receipt's last.
        copies: a receipt with such a line was told before.
        practice: a receipt with such a line is none.
        must_match: a line like this has to fit one of ``lines``, or is refused.
        ignored: a line like this tells nothing, even if it looks as if it should.
        methods: what ways to pay are called here.
    """

    patterns: str
    encoding: Annotated[str, AfterValidator(_encoding)] = "cp437"
    decimal: Literal[".", ","] = "."
    names: Texts = Field(default_factory=list[str])
    lines: Annotated[list[LinePart], Field(min_length=1, max_length=MOST_PATTERNS)]
    begins: Texts = Field(default_factory=list[str])
    ends: Texts = Field(default_factory=list[str])
    copies: Texts = Field(default_factory=list[str])
    practice: Texts = Field(default_factory=list[str])
    must_match: Texts = Field(default_factory=list[str])
    ignored: Texts = Field(default_factory=list[str])
    methods: dict[str, Tender] = Field(default_factory=dict[str, Tender])


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A line's pattern, compiled.

    Attributes:
        word: the kind, as written.
        type: of the event.
        pattern: to look for.
        over: in how many lines.
        says: fields that need no reading.
    """

    word: str
    type: str
    pattern: Pattern
    over: int
    says: Mapping[str, Any]


class Patterns:
    """A patterns file, checked and compiled.

    Attributes:
        file: as written.
        lines, names, begins, ends, copies, practice, must_match, ignored: compiled.
    """

    def __init__(self, document: LocatedYaml, registry: Registry, currency: str) -> None:
        self.file = file = document.validate(PatternsFile)
        self._currency = currency
        self._thousands = "," if file.decimal == "." else "."
        self._methods = {word.lower(): method for word, method in file.methods.items()}
        mistakes: list[Mistake] = []
        check = _Check(document, registry, mistakes)
        self.lines = check.lines(file.lines, self.read)
        self.names = check.texts("names", file.names, NAMES)
        self.begins = check.texts("begins", file.begins)
        self.ends = check.texts("ends", file.ends)
        self.copies = check.texts("copies", file.copies)
        self.practice = check.texts("practice", file.practice)
        self.must_match = check.texts("must_match", file.must_match)
        self.ignored = check.texts("ignored", file.ignored)
        if mistakes:
            raise FileMistakes(mistakes)

    def read(self, groups: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
        """Read what a pattern's groups hold into fields of an event.

        Raises:
            ValueError: one of them is not what its name says; the text is a sentence.
        """
        fields: dict[str, Any] = {}
        for name, text in groups:
            written = (text or "").strip()
            if written:
                try:
                    fields.update(self._field(name, written))
                except ValueError as error:
                    message = f"{name}: {error}"
                    raise ValueError(message) from None
        return fields

    def _field(self, name: str, written: str) -> dict[str, Any]:
        if name in _AMOUNTS:
            amount = money_minor(abs(self._figure(written)), self._currency)
            return {_AMOUNTS[name]: amount}
        if name in _WEIGHTS:
            return {"weight_mg": mass_mg(abs(self._figure(written)), _WEIGHTS[name])}
        if name in _FIGURES:
            figure = abs(self._figure(written))
            if figure != figure.to_integral_value():
                message = f"{written!r} is not a whole number"
                raise ValueError(message)
            return {name: int(figure)}
        if name == "code":
            code = gtin14(written)
            return {"gtin": code} if code is not None else {"sku": written}
        if name == "gtin":
            code = gtin14(written)
            if code is None:
                message = f"{written!r} has a wrong length or a wrong check digit"
                raise ValueError(message)
            return {"gtin": code}
        if name == "method":
            return {"method": self._methods.get(written.lower(), "other")}
        if name == "passed":
            return {"passed": written.lower() in {"yes", "true"}}
        return {name: written}

    def _figure(self, written: str) -> Any:
        plain = written.replace(self._thousands, "").replace(" ", "").replace("'", "")
        return exact(plain.replace(self.file.decimal, "."))


class _Check:
    """Compiles the patterns of one file, and notes what is wrong with them."""

    def __init__(self, document: LocatedYaml, registry: Registry, mistakes: list[Mistake]) -> None:
        self._document = document
        self._registry = registry
        self._mistakes = mistakes

    def texts(
        self, key: str, texts: list[str], groups: frozenset[str] | None = None
    ) -> tuple[Pattern, ...]:
        """Compile a list of patterns; without groups to be read, any they have mean nothing."""
        found: list[Pattern] = []
        for index, text in enumerate(texts):
            pattern = self._pattern([key, index], text)
            if pattern is not None:
                found.append(pattern)
                if groups is not None:
                    self._groups([key, index], text, pattern, groups)
        return tuple(found)

    def lines(
        self,
        parts: list[LinePart],
        read: Callable[[Iterable[tuple[str, str | None]]], dict[str, Any]],
    ) -> tuple[LinePattern, ...]:
        found: list[LinePattern] = []
        for index, part in enumerate(parts):
            pattern = self._pattern(["lines", index, "match"], part.match)
            word = WORDS.get(part.kind)
            if word is None:
                near = get_close_matches(part.kind, WORDS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(WORDS)}"
                self._note(["lines", index, "kind"], f"{part.kind!r} is no kind of line", hint)
                continue
            if pattern is None:
                continue
            known = _groups_of(word.fields(self._registry))
            self._groups(["lines", index, "match"], part.match, pattern, known)
            for name in part.fields.keys() - known:
                self._unknown(["lines", index, "fields", name], name, known, on_key=True)
            try:
                says = {**word.says, **_stated(part.fields, read)}
            except ValueError as error:
                self._note(["lines", index, "fields"], str(error), "")
                continue
            found.append(LinePattern(part.kind, word.type, pattern, int(part.over), says))
        return tuple(found)

    def _pattern(self, path: list[str | int], text: str) -> Pattern | None:
        try:
            return compile_pattern(text)
        except ValueError as error:
            self._note(path, str(error), "")
            return None

    def _groups(
        self, path: list[str | int], text: str, pattern: Pattern, known: frozenset[str]
    ) -> None:
        for name in pattern.groupindex:
            if name not in known:
                at = text.find(f"<{name}>")
                self._unknown(path, name, known, offset=at + 1, length=len(name))

    def _unknown(
        self, path: list[str | int], name: str, known: frozenset[str], **place: Any
    ) -> None:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        self._note(path, f"{name!r} is nothing that this line can tell", hint, **place)

    def _note(self, path: list[str | int], message: str, hint: str, **place: Any) -> None:
        self._mistakes.append(self._document.mistake(path, message, hint=hint, **place))


def _groups_of(fields: frozenset[str]) -> frozenset[str]:
    """Give the groups that can fill fields of an event."""
    groups = set(fields) - {"price_minor", "amount_minor", "weight_mg"}
    groups |= {group for group, name in _AMOUNTS.items() if name in fields}
    if "weight_mg" in fields:
        groups |= set(_WEIGHTS)
    if "gtin" in fields:
        groups.add("code")
    return frozenset(groups)


def _stated(
    fields: Mapping[str, str],
    read: Callable[[Iterable[tuple[str, str | None]]], dict[str, Any]],
) -> dict[str, Any]:
    """Read what the file itself says of a line; a way to pay stands there in our own words."""
    methods = {"method": fields["method"]} if "method" in fields else {}
    if methods and methods["method"] not in get_args(Tender):
        message = f"{methods['method']!r} is no way to pay; known are {', '.join(get_args(Tender))}"
        raise ValueError(message)
    return read((k, v) for k, v in fields.items() if k != "method") | methods
