"""Everything that is known of a stretch of time, to be asked about windows and what lies near them.

An engine keeps what a judgement asks for and no more, by key. To say how near a rule came one has
to look beside its windows, past its conditions and under other keys; so here the events lie as they
came, in the total order, and are looked through.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from msgspec import Struct

from aislewatch.detect.doubts import Doubts
from aislewatch.detect.evidence import Index, Key
from aislewatch.detect.health import Health
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.order import in_order
from aislewatch.events.kinds import DeviceState, Event, ListChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import type_of
from aislewatch.rules.rule import Expr

_time = attrgetter("time")


class Blindness(Struct, frozen=True):
    """A device that could not see when it should have.

    Attributes:
        device: its id.
        type: what it would have seen.
        state: the state that it was in.
        reason: why, in its own word; empty where it said none.
        from_us: since when.
        until_us: until when; None where nothing says that it ended.
    """

    device: str
    type: str
    state: str
    reason: str
    from_us: int
    until_us: int | None


class Log:
    """Events of one store in the total order, and the health of its devices.

    Args:
        events: as they count: enriched, of one id one content.
        model: the shop.

    Attributes:
        model: the one given.
        doubts: what is undecided of rules whose signals are among the events, as far as somebody
            has set it.
        lists: what stood on the named lists, as far as the events tell.
    """

    def __init__(self, events: Iterable[Event], model: StoreModel) -> None:
        self.model = model
        self.doubts: Doubts | None = None
        self._health = Health()
        self.lists = NamedLists(model.lists)
        self._by_type: dict[str, list[Event]] = {}
        for event in in_order(list(events)):
            self._by_type.setdefault(type_of(type(event)), []).append(event)
            if isinstance(event, DeviceState):
                self._health.tell(event)
            elif isinstance(event, ListChanged):
                self.lists.tell(event)

    def between(self, types: Iterable[str], start_us: int, end_us: int) -> list[Event]:
        """Give the events of some types from one time to another, both included, in order."""
        found: list[Event] = []
        kinds = list(dict.fromkeys(types))
        for type_ in kinds:
            events = self._by_type.get(type_, [])
            low = bisect_left(events, start_us, key=_time)
            found += events[low : bisect_right(events, end_us, key=_time)]
        return found if len(kinds) == 1 else in_order(found)

    def may_be(
        self,
        types: Sequence[str],
        where: Expr | None,
        key: Mapping[str, Key],
        span: tuple[int, int],
    ) -> Sequence[Event]:
        """Give the signals of some types that may be, as far as is decided.

        Args:
            types: the kinds of event.
            where: which of them.
            key: values of the joins by attribute.
            span: first and last instant.
        """
        asked = self.doubts.asked(types, where, tuple(key)) if self.doubts is not None else None
        values = tuple(key.values())
        if asked is None:
            return ()
        return asked.between(values[0] if len(values) == 1 else values, *span)

    def blind(
        self,
        types: Sequence[str],
        lane: object,
        start_us: int,
        end_us: int,
        zone: object = None,
    ) -> list[Blindness]:
        """Give the devices that would have seen such events and could not at some time of a span.

        Args:
            types: of the events.
            lane: where; None for the whole shop.
            start_us: first instant of the span.
            end_us: last instant of the span.
            zone: where; likewise.
        """
        place = (lane if isinstance(lane, str) else None, zone if isinstance(zone, str) else None)
        found: dict[str, Blindness] = {}
        for type_ in types:
            devices = self.model.watchers(type_, *place)
            devices += self._health.strangers(self.model.devices, *place)
            for device in devices:
                state = self._health.blind(device, start_us, end_us)
                if state is None or device in found:
                    continue
                until = self._health.until(state)
                reason = state.reason or ""
                found[device] = Blindness(device, type_, state.state, reason, state.time, until)
        return list(found.values())


def index_of(events: Iterable[Event], attrs: tuple[str, ...]) -> Index:
    """Put events into an index as large as they need, for what asks indexes."""
    held = list(events)
    times = [event.time for event in held]
    index = Index(attrs, 2 * (max(times) - min(times)) + 1 if times else 1)
    for event in held:
        index.insert(event)
    return index
