"""Incidents read back from the ledger's records are those that the core had in mind."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.cli.cases import CaseBook
from aislewatch.detect.incidents import Incidents, Scoring, Step
from aislewatch.detect.signals import Change, Signal, SignalChange
from aislewatch.events.record import canonical_json
from aislewatch.ledger import StoredRecord

MINUTE = 60_000_000
SCORING = Scoring({"theft": -300, "operations": 0}, 30 * MINUTE, 1440 * MINUTE)


def signal(
    number: int,
    time: int,
    about: dict[str, str],
    *,
    rule: str = "exit",
    points_cb: int = 200,
    family: str | None = None,
) -> Signal:
    entities = tuple(sorted(about.items()))
    told: dict[str, object] = {
        "signal": f"{rule}/{number}",
        "rule": rule,
        "title": "A rule",
        "meaning": "m",
        "status": "live",
        "type": "theft.exit",
        "anchor": str(number),
        "decided_us": time,
        "about": entities,
        "points_cb": points_cb,
        "half_life_us": 60 * MINUTE,
        "family": family,
        "because": f"because of {number}",
        "looks": [],
        "evidence": [],
    }
    return Signal(
        time=time,
        id=f"{rule}/{number}",
        rule=rule,
        device="gate",
        type="theft.exit",
        live=True,
        about=entities,
        points_cb=points_cb,
        half_life_us=60 * MINUTE,
        family=family,
        group="",
        group_gap_us=0,
        quiet_key="",
        quiet_us=0,
        value_minor=100 * number,
        value_key=str(number),
        payload=canonical_json(told),
    )


@dataclass
class Store:
    """The core's incidents, and what can be read of them in the records that it writes."""

    core: Incidents = field(default_factory=lambda: Incidents("s", SCORING))
    book: CaseBook = field(default_factory=CaseBook)
    steps: list[Step] = field(default_factory=list[Step])
    now: int = 0

    def apply(self, change: Change, of: Signal, before: Signal | None = None) -> None:
        self.now = max(self.now, of.time)
        payload = of.payload
        if change is Change.WITHDRAWN:
            payload = canonical_json({"signal": of.id, "rule": of.rule, "because": "late/1"})
        self.take(f"signal/{of.id}", f"signal.{change.value}", payload)
        for step in self.core.apply(SignalChange(change, of, before), self.now):
            self._step(step)

    def _step(self, step: Step) -> None:
        if step.type != "incident.escalated":
            self.steps.append(step)
        self.take(f"incident/{step.incident}", step.type, canonical_json(step.content))

    def take(self, stream: str, type_: str, payload: bytes) -> None:
        none = bytes(32)
        self.book.take(
            StoredRecord("s", 1, stream, 1, type_, 1, self.now, self.now, payload, none, none)
        )

    def had_in_mind(self) -> dict[str, set[str]]:
        return {i.id: {s.id for s in i.signals} for i in self.core.state.open.values()}

    def read_back(self) -> dict[str, set[str]]:
        return {case.id: {*case.signals} for case in self.book.cases.values() if case.stands}


def test_a_signal_that_shares_a_tag_joins_the_incident() -> None:
    store = Store()
    store.apply(Change.RAISED, signal(1, 0, {"epc": "E1", "lane": "1"}))
    store.apply(Change.RAISED, signal(2, MINUTE, {"epc": "E1", "zone": "door"}))
    assert store.read_back() == {"s-1": {"exit/1", "exit/2"}} == store.had_in_mind()


def test_the_shares_of_the_signals_and_the_prior_add_up_to_the_score() -> None:
    store = Store()
    for number in range(1, 6):
        store.apply(Change.RAISED, signal(number, number * 7 * MINUTE, {"epc": "E1"}))
    case = store.book.cases["s-1"]
    shares = case.sum()
    assert case.prior_cb + sum(share.counted_cb for share in shares) == case.score_cb
    assert [share.repeat for share in shares] == [1, 2, 3, 4, 5]
    # The last is not a minute old, so nothing but the halving for repeats is taken from it.
    assert shares[-1].counted_cb == 200 // 16


def test_of_rules_that_see_the_same_only_the_strongest_has_a_share_and_the_others_name_it() -> None:
    store = Store()
    alike = {"family": "exits", "rule": "seen"}
    store.apply(Change.RAISED, signal(1, 0, {"epc": "E1"}, points_cb=150, family="exits"))
    store.apply(Change.RAISED, signal(2, 1, {"epc": "E1"}, points_cb=100, **alike))
    store.apply(Change.RAISED, signal(3, 2, {"epc": "E1"}, points_cb=50, rule="alone"))
    case = store.book.cases["s-1"]
    told = [(share.signal, share.counted_cb, share.outdone_by) for share in case.sum()]
    assert told == [("exit/1", 150, ""), ("seen/2", 0, "exit"), ("alone/3", 50, "")]
    assert case.prior_cb + 200 == case.score_cb
    # A second of the weaker rule, and it is the stronger one.
    store.apply(Change.RAISED, signal(4, 3, {"epc": "E1"}, points_cb=400, **alike))
    assert [share.outdone_by for share in case.sum()] == ["seen", "", "", ""]
    assert case.prior_cb + 100 + 50 + 200 == case.score_cb


def test_what_a_rule_says_that_is_only_tried_out_by_now_is_not_summed() -> None:
    store = Store()
    store.apply(Change.RAISED, signal(1, 0, {"epc": "E1"}))
    said = signal(1, 0, {"epc": "E1"}, points_cb=900).payload.replace(b'"live"', b'"shadow"')
    store.take("signal/exit/1", "signal.revised", said)
    case = store.book.cases["s-1"]
    assert [share.counted_cb for share in case.sum()] == [200] == [case.score_cb - case.prior_cb]


def test_an_incident_whose_last_signal_is_taken_back_is_cleared_and_keeps_what_it_was() -> None:
    store = Store()
    only = signal(1, 0, {"epc": "E1"})
    store.apply(Change.RAISED, only)
    store.apply(Change.WITHDRAWN, only, only)
    case = store.book.cases["s-1"]
    assert case.state == "cleared"
    assert not case.signals
    assert case.because == "because of 1"
    assert [moment.what for moment in case.life] == ["opened", "withdrawn", "cleared"]
    assert case.life[1].other == "late/1"


def test_a_signal_between_two_incidents_makes_them_one() -> None:
    store = Store()
    store.apply(Change.RAISED, signal(1, 0, {"epc": "E1"}))
    store.apply(Change.RAISED, signal(2, 1, {"epc": "E2"}))
    store.apply(Change.RAISED, signal(3, 2, {"epc": "E1", "person": "P"}))
    store.apply(Change.RAISED, signal(4, 3, {"epc": "E2", "person": "P"}))
    assert store.read_back() == {"s-1": {"exit/1", "exit/2", "exit/3", "exit/4"}}
    gone = store.book.cases["s-2"]
    assert (gone.state, gone.into) == ("merged", "s-1")


def test_an_incident_that_loses_its_middle_falls_into_two() -> None:
    store = Store()
    middle = signal(2, 1, {"epc": "E1", "person": "P"})
    store.apply(Change.RAISED, signal(1, 0, {"epc": "E1"}))
    store.apply(Change.RAISED, middle)
    store.apply(Change.RAISED, signal(3, 2, {"person": "P"}))
    store.apply(Change.WITHDRAWN, middle, middle)
    assert store.read_back() == {"s-1": {"exit/1"}, "s-2": {"exit/3"}} == store.had_in_mind()


def test_records_name_all_signals_where_the_one_that_caused_them_does_not_tell() -> None:
    store = Store()
    middle = signal(2, 1, {"epc": "E1", "person": "P"})
    for one in (signal(1, 0, {"epc": "E1"}), signal(3, 2, {"person": "P"}), middle):
        store.apply(Change.RAISED, one)
    store.apply(Change.WITHDRAWN, middle, middle)
    assert [(step.type, step.incident, step.content.get("members")) for step in store.steps] == [
        ("incident.opened", "s-1", None),
        ("incident.opened", "s-2", None),
        ("incident.merged", "s-2", None),
        ("incident.rescored", "s-1", ["exit/1", "exit/2", "exit/3"]),
        ("incident.rescored", "s-1", ["exit/1"]),
        ("incident.opened", "s-3", ["exit/3"]),
    ]


def test_signals_that_look_alike_are_told_apart_when_an_incident_splits() -> None:
    # The third stays, though all that it is about is of the time and the things of what goes.
    store = Store()
    bridge = signal(5, 4 * MINUTE, {"epc": "E1", "person": "P"})
    store.apply(Change.RAISED, signal(1, 0, {"person": "P", "lane": "1", "zone": "Z"}))
    store.apply(Change.RAISED, signal(2, MINUTE, {"epc": "E1", "lane": "1"}))
    store.apply(Change.RAISED, signal(3, 2 * MINUTE, {"lane": "1", "zone": "Z"}))
    store.apply(Change.RAISED, signal(4, 3 * MINUTE, {"epc": "E1", "zone": "Z"}))
    store.apply(Change.RAISED, bridge)
    store.apply(Change.WITHDRAWN, bridge, bridge)
    assert store.read_back() == {"s-1": {"exit/1", "exit/3"}, "s-3": {"exit/2", "exit/4"}}
    assert store.read_back() == store.had_in_mind()


_about = st.fixed_dictionaries(
    {},
    optional={
        "epc": st.sampled_from(["E1", "E2", "E3"]),
        "person": st.sampled_from(["P1", "P2"]),
        "lane": st.sampled_from(["1", "2"]),
    },
).filter(bool)


_rule = st.sampled_from(["exit", "seen", "heard"])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_comes_and_goes_the_records_tell_which_signals_an_incident_has(
    data: st.DataObject,
) -> None:
    store = Store()
    held: dict[str, Signal] = {}
    for number in range(1, data.draw(st.integers(2, 12)) + 1):
        what = data.draw(st.integers(0, 4)) if held else 2
        if what == 0:
            gone = held.pop(data.draw(st.sampled_from(sorted(held))))
            store.apply(Change.WITHDRAWN, gone, gone)
        elif what == 1:
            before = held[data.draw(st.sampled_from(sorted(held)))]
            told = int(before.id.rpartition("/")[2])
            held[before.id] = signal(
                told,
                before.time,
                data.draw(_about),
                rule=before.rule,
                points_cb=before.points_cb,
                family=before.family,
            )
            store.apply(Change.REVISED, held[before.id], before)
        else:
            time = data.draw(st.integers(0, 3)) * 20 * MINUTE + number
            rule, points = data.draw(_rule), data.draw(st.integers(-200, 200))
            family = "alike" if rule != "exit" else None
            new = signal(
                number, time, data.draw(_about), rule=rule, points_cb=points, family=family
            )
            held[new.id] = new
            store.apply(Change.RAISED, new)
        assert store.read_back() == store.had_in_mind()
        for case in store.book.cases.values():
            if case.stands:
                total = case.prior_cb + sum(share.counted_cb for share in case.sum())
                assert total == case.score_cb
