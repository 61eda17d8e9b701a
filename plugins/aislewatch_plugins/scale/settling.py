"""When a checkout's scale has settled, and which of its weights are worth telling.

A weight counts once it has been read twice alike, which is also what guards against a flipped bit
in protocols without a checksum. Where the protocol does not say whether the scale has settled, it
must have stayed within a band for a while. A change by no more than one step of the scale is told
only when it lasts: a scale between two figures shows now the one and now the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from aislewatch_plugins.scale.reading import Reading


@dataclass(frozen=True, slots=True)
class Settled:
    """A weight that the scale has come to.

    Attributes:
        weight_mg: what lies on it.
        delta_mg: how much more than what was told before; None for the first.
        noise_mg: how far readings were apart while it lay still.
    """

    weight_mg: int
    delta_mg: int | None
    noise_mg: int = 0


@dataclass(frozen=True, slots=True)
class Patience:
    """What counts as settled.

    Attributes:
        step_mg: the scale's step; by the last digit of its figures where not said.
        settle_us: how long readings must agree where the scale has no word for it.
        linger_us: how long a change of one step must last to be told.
        alike: how many readings in a row must agree.
    """

    step_mg: int | None = None
    settle_us: int = 1_000_000
    linger_us: int = 2_000_000
    alike: int = 2


class Settling:
    """Follows one scale."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._told: int | None = None
        self._run: _Run | None = None
        self._off: tuple[int, int] | None = None

    def interrupt(self) -> None:
        """Take notice that the scale moves or cannot weigh."""
        self._run = None

    def take(self, time_us: int, reading: Reading) -> Settled | None:
        """Take a reading.

        Args:
            time_us: when it was read; never less than before.
            reading: the reading.

        Returns:
            What has settled, if it is news.
        """
        patience, weight_mg = self._patience, reading.weight_mg
        if reading.stable is False:
            self.interrupt()
            return None
        step_mg = patience.step_mg or reading.digit_mg
        # With the scale's own word for it readings must be equal, and not only near.
        band_mg = 0 if reading.stable else step_mg
        run = self._run
        if run is None or max(run.greatest, weight_mg) - min(run.least, weight_mg) > band_mg:
            run = _Run(time_us, weight_mg, weight_mg)
        run.readings += 1
        run.least, run.greatest = min(run.least, weight_mg), max(run.greatest, weight_mg)
        self._run = run
        long_enough = reading.stable or time_us - run.since_us >= patience.settle_us
        if run.readings < patience.alike or not long_enough:
            return None
        return self._news(time_us, weight_mg, step_mg)

    def _news(self, time_us: int, weight_mg: int, step_mg: int) -> Settled | None:
        told = self._told
        if told == weight_mg:
            self._off = None
            return None
        if told is not None and abs(weight_mg - told) <= step_mg:
            if self._off is None or self._off[0] != weight_mg:
                self._off = (weight_mg, time_us)
            if time_us - self._off[1] < self._patience.linger_us:
                return None
        self._off = None
        self._told = weight_mg
        return Settled(weight_mg, None if told is None else weight_mg - told)


@dataclass(slots=True)
class _Run:
    """Readings in a row that agree."""

    since_us: int
    least: int
    greatest: int
    readings: int = 0
