"""Statistics of a figure over peers: who is a peer, and what is made of their figures."""

from __future__ import annotations

from fractions import Fraction
from statistics import fmean, median, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.peers import statistics_of
from aislewatch.errors import FileMistakes
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule
from aislewatch.testing.small import REGISTRY, Shop, small_rule

OUTLIER = """
id: r
title: A cashier voids more than the others
status: live
when: {event: shift.closed, as: shift}
let:
  voids: {count: pos.void, same: [cashier], window: 1h before shift}
  twice: voids * 2
  peers: {stats_of: %s, same: [store], others: [cashier], window: 3h before shift}
match:
  - check: "%s"
incident:
  type: fraud.test
  about: {cashier: shift.cashier}
  points: 10
  because: "{peers.n} {peers.mean} {peers.stdev} {peers.median} {peers.mad}"
"""


def rule(check: str = "peers.n >= 0", figure: str = "voids") -> Rule:
    return load_rule(OUTLIER % (figure, check), "r.yml", REGISTRY)


def because(day: str, rule: Rule) -> list[str]:
    shop = Shop(rule)
    shop.day(day)
    return [str(signal["because"]) for signal in shop.signals]


A_THEN_Z = """\
08:50:00 pos.void cashier=A *2
09:00:00 shift.closed cashier=A
10:00:00 shift.closed cashier=Z"""


def test_peers_are_the_other_anchors_in_the_window_that_differ_in_others() -> None:
    day = """\
06:59:59 shift.closed cashier=F
07:00:00 shift.closed cashier=E
09:00:00 pos.void cashier=A *2
09:10:00 shift.closed cashier=A
09:20:00 pos.void cashier=Z *3
09:30:00 shift.closed cashier=Z
09:59:00 pos.void cashier=Z *5
10:00:00 shift.closed cashier=Z"""
    # E's none and A's two; not F's, who is too long ago, nor what Z did before.
    assert because(day, rule("shift.cashier == 'Z' and voids == 8")) == ["2 1 1.414214 1 1"]


def test_a_peer_whose_others_are_unknown_is_none_and_without_ones_own_all_is_unknown() -> None:
    peerless = "09:00:00 shift.closed\n10:00:00 shift.closed cashier=Z"
    assert because(peerless, rule()) == ["0 unknown unknown unknown unknown"]


def test_peers_with_an_unknown_join_are_unknown_not_none() -> None:
    assert because("09:00:00 shift.closed", rule("not has(peers.n)")) == [
        "unknown unknown unknown unknown unknown"
    ]


def test_the_spread_of_one_peer_is_unknown_and_what_is_compared_with_it_does_not_hold() -> None:
    day = "09:00:00 shift.closed cashier=A\n10:00:00 shift.closed cashier=Z"
    assert because(day, rule("peers.n == 1 and voids >= peers.mean + peers.stdev")) == []
    assert because(day, rule("peers.n == 1 and voids >= peers.mean")) == ["1 0 unknown 0 0"]


def test_a_figure_made_of_figures_is_made_anew_for_each_peer() -> None:
    assert because(A_THEN_Z, rule("peers.n == 1", "twice")) == ["1 4 unknown 4 0"]


def test_a_limit_of_a_figure_may_name_what_peers_do_not_have() -> None:
    limited = small_rule(
        "event: shift.closed, as: shift",
        "seen: pos.sign_on, as: start, same: [cashier], window: 9h before shift",
        "count: pos.void, as: voids, same: [cashier], window: 9h before shift, "
        "more_than: size(start.cashier)",
        "stats_of: voids, as: peers, others: [cashier], window: 3h before shift",
        because='"{peers.n} {peers.mean}"',
    )
    assert because("07:00:00 pos.sign_on cashier=Z\n09:40:00 pos.void cashier=Z *2\n" + A_THEN_Z,
                   limited) == ["1 2"]  # fmt: skip


def test_what_comes_late_to_a_peer_is_judged_anew_for_those_measured_by_it() -> None:
    shop = Shop(rule("peers.n == 1 and voids > peers.mean"))
    shop.hear("09:55:00 shift.closed cashier=A\n09:56:00 pos.void cashier=Z")
    shop.hear("10:00:00 shift.closed cashier=Z")
    shop.tick("10:00:00")
    assert len(shop.signals) == 1
    shop.hear("09:54:00 pos.void cashier=A")
    shop.tick("10:01:00")
    assert shop.signals == []
    assert len(shop.said("signal.withdrawn")) == 1


def test_a_signal_tells_whose_figures_it_was_measured_by() -> None:
    shop = Shop(rule("shift.cashier == 'Z'"))
    shop.day(A_THEN_Z)
    (signal,) = shop.signals
    told = dict(signal["bindings"])
    assert (told["peers.n"], told["peers.mean"], told["peers.voids"]) == (1, 2.0, [2])
    looked = {look["clause"]: look["found"] for look in signal["looks"]}
    assert looked["peers"] == ["test/2.0"]


@given(st.lists(st.one_of(st.none(), st.integers(-1000, 1000)), max_size=12))
def test_statistics_are_those_of_the_textbook_and_exact(figures: list[int | None]) -> None:
    known = [figure for figure in figures if figure is not None]
    found = statistics_of(figures)
    assert found.n == len(known)
    if not known:
        assert found[1:] == (None, None, None, None)
        return
    assert found.mean == Fraction(sum(known), len(known))
    assert found.mean == pytest.approx(Fraction(fmean(known)))
    assert found.median == Fraction(median(known))
    assert found.mad == median(abs(figure - Fraction(median(known))) for figure in known)
    if len(known) > 1:
        assert found.stdev == pytest.approx(stdev(known))
    else:
        assert found.stdev is None


@pytest.mark.parametrize(
    ("written", "figure", "message"),
    [
        ("stats_of: voids,", "stats_of: void,", "unknown figure 'void'"),
        ("stats_of: voids,", "stats_of: shift,", "'shift' is no figure"),
        ("peers.n >= 0", "peers.avg > 1", "unknown figure 'avg' of 'peers'"),
        ("peers.n >= 0", "peers > 1", "'peers' is several"),
        ("window: 3h before shift", "window: 3 before shift", "'3' is not a duration"),
        ("others: [cashier]", "others: [till]", "unknown field 'till'"),
    ],
)
def test_a_mistake_in_statistics_is_told_where_it_stands(
    written: str, figure: str, message: str
) -> None:
    text = (OUTLIER % ("voids", "peers.n >= 0")).replace(written, figure)
    with pytest.raises(FileMistakes, match=message) as found:
        load_rule(text, "r.yml", REGISTRY)
    (mistake,) = found.value.mistakes
    assert text.splitlines()[mistake.line - 1].count(figure)


def test_a_figure_that_hangs_on_another_event_has_no_peers() -> None:
    text = """
id: r
title: T
status: live
when: {event: shift.closed, as: shift}
match:
  - {seen: pos.sign_on, as: start, same: [cashier], window: 9h before shift}
  - {count: pos.void, as: voids, same: [cashier], window: between start and shift}
  - {stats_of: voids, as: peers, same: [store], others: [cashier], window: 3h before shift}
incident: {type: fraud.test, about: {cashier: shift.cashier}, points: 1, because: x}
"""
    with pytest.raises(FileMistakes, match="'voids' hangs on 'start', which peers do not have"):
        load_rule(text, "r.yml", REGISTRY)
