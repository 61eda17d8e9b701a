"""Steps in what a shelf weighs: what settled between two stretches of stillness.

A shelf is never quite still. Hands touch it, it rings after every touch, its cells drift with the
warmth and creep under a load, and its figures tremble. So it counts as still when all readings of a
window lie within a band; its level is their median. A level that is a step away from the last one
is told; whatever is less is drift, which the baseline follows slowly. What happens while it is not
still, several picks in a row for instance, comes out as one step when it is still again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median_low

from aislewatch_plugins.scale.reading import Reading
from aislewatch_plugins.scale.settling import Settled

FEWEST = 4
"""Readings that a still window must hold: two that agree by chance are no stillness."""


@dataclass(frozen=True, slots=True)
class Feeling:
    """What counts as still, and what as a step.

    Attributes:
        least_mg: the smallest step; less is drift. Half of what the lightest article weighs.
        window_us: how long the shelf must be still.
        band_mg: how far readings of a still shelf may be apart; a quarter of the smallest step, but
            no less than four of the last digit, where not said.
        drift_mg_per_s: how fast the baseline follows what is no step.
    """

    least_mg: int
    window_us: int = 800_000
    band_mg: int | None = None
    drift_mg_per_s: int = 200


class Steps:
    """Follows one shelf."""

    def __init__(self, feeling: Feeling) -> None:
        self._feeling = feeling
        self._window: deque[tuple[int, int]] = deque()
        self._baseline: int | None = None
        self._followed_us = 0

    def interrupt(self) -> None:
        """Take notice that the scale moves or cannot weigh."""
        self._window.clear()

    def take(self, time_us: int, reading: Reading) -> Settled | None:
        """Take a reading.

        Args:
            time_us: when it was read; never less than before.
            reading: the reading. Its own word on stability is not asked for: shelves that say
                "stable" do so for each touch.

        Returns:
            The level, if it is the first or a step away from the last.
        """
        feeling, window = self._feeling, self._window
        if window and time_us - window[-1][0] > feeling.window_us:
            window.clear()  # What happened in a gap is unknown.
        window.append((time_us, reading.weight_mg))
        while len(window) > 1 and window[1][0] <= time_us - feeling.window_us:
            window.popleft()
        weights = [weight for _, weight in window]
        noise_mg = max(weights) - min(weights)
        band_mg = feeling.band_mg or max(feeling.least_mg // 4, 4 * reading.digit_mg)
        long_enough = window[0][0] <= time_us - feeling.window_us and len(window) >= FEWEST
        if not long_enough or noise_mg > band_mg:
            return None
        level = median_low(weights)
        if self._baseline is None:
            self._baseline, self._followed_us = level, time_us
            return Settled(level, None, noise_mg)
        delta_mg = level - self._baseline
        if abs(delta_mg) >= feeling.least_mg:
            self._baseline, self._followed_us = level, time_us
            return Settled(level, delta_mg, noise_mg)
        self._follow(time_us, delta_mg)
        return None

    def _follow(self, time_us: int, delta_mg: int) -> None:
        assert self._baseline is not None
        # A stretch of unrest is no time in which to have drifted.
        passed_us = min(time_us - self._followed_us, self._feeling.window_us)
        most = self._feeling.drift_mg_per_s * passed_us // 1_000_000
        if most:
            self._baseline += max(-most, min(most, delta_mg))
            self._followed_us = time_us
