"""The physics of a scale: loads that swing in, hands that rest on it, drift, noise and steps.

A load that is put down rings like a damped spring: its share of the reading at time t after it is
``1 - exp(-t/tau) cos(2 pi f t)``. A hand presses and trembles. Cells drift with the warmth. What
the display shows of it is rounded to the scale's step; it calls itself stable when what it showed
stayed within a step for a while.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from random import Random

_STILL_S = 0.4
_TREMBLE = 0.08
"""How much a hand's force varies, as a share of it."""


@dataclass(frozen=True, slots=True)
class Build:
    """How a scale is built.

    Attributes:
        step_mg: the smallest difference that it shows.
        capacity_mg: the most that it weighs.
        noise_mg: standard deviation of a sample.
        drift_mg_per_h: how its zero wanders.
        ring_hz: how fast a load swings.
        damping_s: how long its swing takes to fall to a third.
    """

    step_mg: int = 1_000
    capacity_mg: int = 15_000_000
    noise_mg: float = 0.0
    drift_mg_per_h: float = 0.0
    ring_hz: float = 6.0
    damping_s: float = 0.15


@dataclass(frozen=True, slots=True)
class Shown:
    """What the display shows.

    Attributes:
        weight_mg: a whole number of steps, less the tare.
        gross_mg: with the tare.
        step_mg: the scale's step.
        stable: it has settled.
        over, under: it is out of its range, and the weight means nothing.
        net: a tare is taken off.
    """

    weight_mg: int
    gross_mg: int
    step_mg: int
    stable: bool
    over: bool
    under: bool
    net: bool

    @property
    def zero(self) -> bool:
        """Nothing lies on it."""
        return self.gross_mg == 0


class Pan:
    """What lies on one scale. Times are seconds of any clock that does not go back.

    Args:
        build: of the scale.
        dice: for noise and trembling.
    """

    def __init__(self, build: Build, dice: Random) -> None:
        self._build = build
        self._dice = dice
        self._loads: list[tuple[float, float]] = []
        self._touches: list[tuple[float, float, float]] = []
        self._zero_mg = 0.0
        self._tare_mg = 0
        self._began_s: float | None = None
        self._recent: deque[tuple[float, int]] = deque()

    @property
    def lies_mg(self) -> float:
        """What lies on it when all has settled, without hands and drift."""
        return sum(mg for _, mg in self._loads)

    def put(self, at_s: float, mg: float) -> None:
        """Put a load down, or take it up if it is negative."""
        self._loads.append((at_s, mg))

    def touch(self, at_s: float, mg: float, lasts_s: float) -> None:
        """Rest a hand on it for a while."""
        self._touches.append((at_s, at_s + lasts_s, mg))

    def zero(self, at_s: float) -> None:
        """Call what is shown now nothing."""
        self._zero_mg += self._felt(at_s)
        self._tare_mg = 0
        self._recent.clear()

    def tare(self, at_s: float) -> None:
        """Take what is shown now off what is shown from now on."""
        self._tare_mg = self.shown(at_s).gross_mg

    def clear_tare(self) -> None:
        """Show all of it again."""
        self._tare_mg = 0

    def shown(self, at_s: float) -> Shown:
        """Give what the display shows."""
        build = self._build
        gross_mg = round(self._felt(at_s) / build.step_mg) * build.step_mg
        over, under = gross_mg > build.capacity_mg, gross_mg < -20 * build.step_mg
        return Shown(
            weight_mg=gross_mg - self._tare_mg,
            gross_mg=gross_mg,
            step_mg=build.step_mg,
            stable=self._still(at_s, gross_mg) and not over and not under,
            over=over,
            under=under,
            net=self._tare_mg != 0,
        )

    def _felt(self, at_s: float) -> float:
        build = self._build
        if self._began_s is None:
            self._began_s = at_s
        felt = -self._zero_mg + build.drift_mg_per_h * (at_s - self._began_s) / 3600
        for put_s, mg in self._loads:
            passed_s = at_s - put_s
            if passed_s >= 0:
                swing = math.cos(2 * math.pi * build.ring_hz * passed_s)
                felt += mg * (1 - math.exp(-passed_s / build.damping_s) * swing)
        for begins_s, ends_s, mg in self._touches:
            if begins_s <= at_s < ends_s:
                felt += mg * (1 + self._dice.gauss(0, _TREMBLE))
        return felt + self._dice.gauss(0, build.noise_mg)

    def _still(self, at_s: float, gross_mg: int) -> bool:
        if not self._recent or at_s - self._recent[-1][0] > _STILL_S / 2:
            # A display goes on showing when nobody looks.
            self._recent = deque(self._before(at_s))
        self._recent.append((at_s, gross_mg))
        while self._recent[0][0] < at_s - _STILL_S:
            self._recent.popleft()
        shown = [mg for _, mg in self._recent]
        return max(shown) - min(shown) <= self._build.step_mg

    def _before(self, at_s: float) -> list[tuple[float, int]]:
        step_mg = self._build.step_mg
        looks = [at_s - _STILL_S * share / 8 for share in range(8, 0, -1)]
        return [(look_s, round(self._felt(look_s) / step_mg) * step_mg) for look_s in looks]
