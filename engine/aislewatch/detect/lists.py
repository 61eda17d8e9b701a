"""What stands on the named lists, and when: the store file's word, and every change since.

A question is always of a time, and is answered by the changes up to and including it, in the total
order. So an event of ten o'clock is judged by what stood on a list at ten o'clock, whenever it is
judged, and whenever the change itself came to be known.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import ListChanged


@dataclass
class ListState:
    """Everything a snapshot needs.

    Attributes:
        changes: by list and member, its changes in the total order; of those that are too old for
            any judgement the last, where it says other than the store file.
    """

    changes: dict[str, dict[str, list[ListChanged]]] = field(
        default_factory=dict[str, dict[str, list[ListChanged]]]
    )


class NamedLists:
    """Answers who is on a list at a time.

    Args:
        written: the store file's lists: what holds of a member before its first change.
        state: continue from here.
    """

    def __init__(
        self, written: Mapping[str, frozenset[str]], state: ListState | None = None
    ) -> None:
        self.state = state or ListState()
        self._written = written

    def asked(self, names: Iterable[str]) -> dict[str, Callable[[str, int], bool]]:
        """Give, for each of some lists, the function that says whether a text is on it at a time.

        The functions see what is told later.
        """
        return {name: partial(self.holds, name) for name in names}

    def holds(self, name: str, text: str, time_us: int) -> bool:
        """Say whether a text is on a list at a time."""
        change = self.last(name, text, time_us)
        return self._is_written(name, text) if change is None else _adds(change, time_us)

    def last(self, name: str, text: str, time_us: int) -> ListChanged | None:
        """Give the change that says whether a text is on a list at a time; None without any."""
        changes = self.state.changes.get(name, {}).get(text)
        place = bisect_right(changes, time_us, key=_time) if changes else 0
        return changes[place - 1] if changes and place else None

    def tell(self, event: ListChanged) -> None:
        """Take a change in, in any order."""
        of_list = self.state.changes.setdefault(event.list_name, {})
        insort(of_list.setdefault(event.member, []), event, key=order_key)

    def untell(self, event: ListChanged) -> None:
        """Take a change back that turned out not to be one, unless it is forgotten already."""
        of_list = self.state.changes.get(event.list_name, {})
        changes = of_list.get(event.member, [])
        if event not in changes:
            return
        changes.remove(event)
        self._drop_empty(event.list_name, event.member)

    def forget(self, before_us: int) -> None:
        """Let go of changes that were overtaken before a time, and of those that say nothing new.

        A member that is where the store file has it needs no memory.
        """
        for name, of_list in list(self.state.changes.items()):
            for member, changes in list(of_list.items()):
                keep = bisect_right(changes, before_us, key=_time) - 1
                if keep < 0:
                    continue
                del changes[:keep]
                first = changes[0]
                now = _adds(first, before_us)
                ends = now and first.until_us is not None
                if len(changes) == 1 and not ends and now is self._is_written(name, member):
                    changes.clear()
                    self._drop_empty(name, member)

    def _is_written(self, name: str, text: str) -> bool:
        return text in self._written.get(name, ())

    def _drop_empty(self, name: str, member: str) -> None:
        of_list = self.state.changes[name]
        if not of_list[member]:
            del of_list[member]
        if not of_list:
            del self.state.changes[name]


def told(state: ListState) -> Iterator[ListChanged]:
    """Give every change that is remembered."""
    for of_list in state.changes.values():
        for changes in of_list.values():
            yield from changes


def state_of(events: Iterable[ListChanged]) -> ListState:
    """Make the state out of the changes that :func:`told` gave."""
    state = ListState()
    for event in events:
        state.changes.setdefault(event.list_name, {}).setdefault(event.member, []).append(event)
    return state


def _adds(event: ListChanged, time_us: int) -> bool:
    """Say whether after a change, at a time when no other followed, the member is on the list."""
    return event.change == "add" and (event.until_us is None or time_us < event.until_us)


def _time(event: ListChanged) -> int:
    return event.time
