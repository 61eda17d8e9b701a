"""What keeps a camera from seeing: frozen, dark, covered or moved, and when that is over. Pure.

* *dark*: 98 % of the picture are darker than a tenth of full light. Figures and meaning are those
  of FFmpeg's ``blackdetect``. A lens that is covered with something black looks the same.
* *covered*: the parts of the view that had something to see have nothing any more. After the edge
  disappearance rate of Lee, Lee and Lim, Unified Camera Tamper Detection Based on Edge and Object
  Information, Sensors 15(5), 2015; on blocks and not on edges, so that noise counts for little.
* *moved*: those parts show something else. Blocks are compared by normalised cross-correlation,
  which does not mind the light.
* *frozen*: the very same picture again and again; a live one always has some noise.

Each must last before it counts, and be over for a while before it does not: people who stand close
to the lens are no cover. A view with next to nothing in it can be dark or frozen only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from aislewatch_plugins.vision.config import FaultsConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]
    Figures = NDArray[np.float32]

THUMB_WIDTH: Final = 96
THUMB_HEIGHT: Final = 72
"""Size of the small grey picture that is looked at, in pixels."""

Fault = Literal["dark", "covered", "moved", "frozen"]

DETAILS: Final[dict[Fault, str]] = {
    "dark": "it sees no light: the light is off, or its lens is covered with something black",
    "covered": "there is nothing to see where it saw something before: its lens is covered",
    "moved": "it sees another view than before: it was turned, or something stands before it",
    "frozen": "it sends the very same picture again and again",
}

_BLOCK: Final = 12
"""Pixels of the small picture to a block's side."""

_DARK_LEVEL: Final = 26
"""A tenth of full light."""

_DARK_SHARE: Final = 0.98
_TEXTURE_LEAST: Final = 4.0
"""Standard deviation, in grey levels, of a block with something to see; noise stays below 2."""

_BLOCKS_LEAST: Final = 6
"""With fewer such blocks a view is too plain to be judged."""

_COVERED_SHARE: Final = 0.2
"""Covered, at most this share of them still has something to see."""

_ALIKE_LEAST: Final = 0.5
"""Correlation from which a block still shows the same."""

_MOVED_SHARE: Final = 0.3
"""Moved, at most this share of them still shows the same."""

_RENEWAL_US: Final = 600_000_000
"""So slowly the remembered view follows the real one: daylight moves, shelves are filled."""


class News(NamedTuple):
    """A change of what keeps the camera from seeing.

    Attributes:
        fault: in force from now on; None where it sees again.
        since_us: when it began, by the pictures.
    """

    fault: Fault | None
    since_us: int


@dataclass(slots=True)
class _Suspicion:
    """How long something has held, or has not held."""

    holds: bool = False
    since_us: int = 0
    in_force: bool = False


class Sight:
    """Watches whether one camera can see.

    Args:
        config: how long what must last.
    """

    def __init__(self, config: FaultsConfig) -> None:
        self._config = config
        self._after: dict[Fault, int] = {
            "dark": config.dark,
            "covered": config.covered,
            "moved": config.moved,
            "frozen": config.frozen,
        }
        self._suspicions: dict[Fault, _Suspicion] = {name: _Suspicion() for name in self._after}
        self._view: Figures | None = None
        self._learning_since_us: int | None = None
        self._seen_us = 0
        self._digest = b""
        self._told: Fault | None = None

    @property
    def blind(self) -> Fault | None:
        """What keeps it from seeing; the first of dark, covered, moved and frozen that does."""
        return next((name for name, one in self._suspicions.items() if one.in_force), None)

    @property
    def doubtful(self) -> bool:
        """This very picture shows no such view; what is found in it means nothing."""
        return any(self._suspicions[name].holds for name in ("dark", "covered"))

    @property
    def plain(self) -> bool:
        """There is too little in its view to tell whether it is covered or moved."""
        return self._view is None or int(_textured(_blocks(self._view)).sum()) < _BLOCKS_LEAST

    def look(self, time_us: int, thumb: Grey, digest: bytes) -> News | None:
        """Take one picture; give what it changes.

        Args:
            time_us: of the picture, later than that of the one before.
            thumb: the picture in grey, `THUMB_HEIGHT` x `THUMB_WIDTH`.
            digest: of the picture as it came; equal only for equal pictures.
        """
        grey = thumb.astype("float32")
        dark = float((thumb < _DARK_LEVEL).mean()) >= _DARK_SHARE
        covered = moved = False
        if not dark and self._known(time_us, grey):
            covered, moved = self._compared(grey)
        same, self._digest = digest == self._digest, digest
        # A picture tells that it is frozen by the one before: so long has it stood still by now.
        frozen_since = self._seen_us if same and self._seen_us else time_us
        self._weigh("dark", dark, time_us, time_us)
        self._weigh("covered", covered, time_us, time_us)
        self._weigh("moved", moved, time_us, time_us)
        self._weigh("frozen", same, time_us, frozen_since)
        if not (dark or covered or moved):
            self._follow(time_us, grey)
        self._seen_us = time_us
        self._accept(time_us)
        return self._news(time_us)

    def _known(self, time_us: int, grey: Figures) -> bool:
        """Tell whether the view is known by now."""
        if self._view is None:
            self._view, self._learning_since_us = grey.copy(), time_us
        since_us = self._learning_since_us
        if since_us is not None and time_us - since_us >= self._config.learn:
            self._learning_since_us = None
        return self._learning_since_us is None

    def _follow(self, time_us: int, grey: Figures) -> None:
        """Let the remembered view follow the real one: fast while it is learnt, slowly later."""
        assert self._view is not None
        slow_us = self._config.learn if self._learning_since_us is not None else _RENEWAL_US
        gain = min(1.0, max(0, time_us - self._seen_us) / slow_us) if self._seen_us else 0.0
        self._view += gain * (grey - self._view)

    def _compared(self, grey: Figures) -> tuple[bool, bool]:
        assert self._view is not None
        view, now = _blocks(self._view), _blocks(grey)
        judged = _textured(view)
        if int(judged.sum()) < _BLOCKS_LEAST:
            return False, False
        left = float(_textured(now)[judged].mean())
        if left <= _COVERED_SHARE:
            return True, False
        alike = float((_alike(view, now)[judged] >= _ALIKE_LEAST).mean())
        return False, alike <= _MOVED_SHARE

    def _weigh(self, name: Fault, holds: bool, time_us: int, since_us: int) -> None:
        one = self._suspicions[name]
        if holds != one.holds:
            one.holds, one.since_us = holds, since_us
        lasts_us = time_us - one.since_us
        if holds and lasts_us >= self._after[name]:
            one.in_force = True
        elif not holds and lasts_us >= self._config.clear:
            one.in_force = False

    def _accept(self, time_us: int) -> None:
        moved = self._suspicions["moved"]
        if self._config.accept and moved.holds and time_us - moved.since_us >= self._config.accept:
            self._view = None

    def _news(self, time_us: int) -> News | None:
        blind = self.blind
        if blind == self._told:
            return None
        self._told = blind
        return News(blind, time_us if blind is None else self._suspicions[blind].since_us)


def _blocks(grey: Figures) -> Figures:
    """Cut a small picture into blocks: one row of pixels for each."""
    rows, columns = THUMB_HEIGHT // _BLOCK, THUMB_WIDTH // _BLOCK
    cut = grey.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    return cut.reshape(rows * columns, _BLOCK * _BLOCK)


def _textured(blocks: Figures) -> NDArray[np.bool_]:
    textured: NDArray[np.bool_] = blocks.std(axis=1) >= _TEXTURE_LEAST
    return textured


def _alike(blocks: Figures, others: Figures) -> Figures:
    """Give each pair's normalised cross-correlation, -1 to 1; that of a flat block is 0."""
    one = blocks - blocks.mean(axis=1, keepdims=True)
    other = others - others.mean(axis=1, keepdims=True)
    norm = ((one * one).sum(axis=1) * (other * other).sum(axis=1)) ** 0.5
    norm[norm == 0] = 1.0
    product: Figures = (one * other).sum(axis=1) / norm
    return product
