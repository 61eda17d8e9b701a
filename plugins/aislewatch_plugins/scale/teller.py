"""What a scale has to tell, as events: weights, steps, units of a shelf, and its states."""

from __future__ import annotations

from collections.abc import Sequence

from aislewatch.devices.telling import Envelopes
from aislewatch.events.kinds import (
    Event,
    ScaleChanged,
    ScaleKind,
    ScaleWeight,
    ShelfRemoved,
    ShelfReturned,
)
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.scale.quantising import Article, units_of
from aislewatch_plugins.scale.settling import Settled
from aislewatch_plugins.scale.standing import State


class Teller:
    """Makes the events of one opening.

    Args:
        context: of the plugin.
        kind: what the scale weighs.
        shelf: the shelf's name; None for a scale that is none.
        articles: what lies on it.
    """

    def __init__(
        self,
        context: SensorContext,
        kind: ScaleKind,
        shelf: str | None = None,
        articles: Sequence[Article] = (),
    ) -> None:
        self._envelopes = Envelopes(context)
        self._kind: ScaleKind = kind
        self._shelf = shelf
        self._articles = articles

    def settled(self, time_us: int, settled: Settled, step_mg: int) -> list[Event]:
        """Tell what the scale has come to.

        Args:
            time_us: when.
            settled: the weight, and the difference to the one before.
            step_mg: the scale's step.
        """
        events: list[Event] = [
            ScaleWeight(
                **self._envelopes.at(time_us, "arrival"),
                weight_mg=settled.weight_mg,
                quantum_mg=step_mg,
                stable=True,
                scale_kind=self._kind,
            )
        ]
        if settled.delta_mg:
            events.append(
                ScaleChanged(
                    **self._envelopes.at(time_us, "arrival"),
                    delta_mg=settled.delta_mg,
                    weight_mg=settled.weight_mg,
                    quantum_mg=step_mg,
                    scale_kind=self._kind,
                )
            )
            events += self._units(time_us, settled, step_mg)
        return events

    def state(self, time_us: int, state: State) -> Event:
        """Tell the state of the scale itself."""
        return self._envelopes.state(
            time_us, state.name, state.reason or None, state.detail or None
        )

    def _units(self, time_us: int, settled: Settled, step_mg: int) -> list[Event]:
        if self._shelf is None or not settled.delta_mg:
            return []
        struct = ShelfReturned if settled.delta_mg > 0 else ShelfRemoved
        # A median of trembling readings is off by less than half of what they are apart.
        noise_mg = step_mg + settled.noise_mg // 2
        return [
            struct(
                **self._envelopes.at(time_us, "arrival"),
                shelf=self._shelf,
                sku=units.article.sku if units.article is not None else None,
                units=units.count,
                ambiguous=units.ambiguous,
            )
            for units in units_of(settled.delta_mg, self._articles, noise_mg)
        ]
