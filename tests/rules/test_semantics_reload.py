"""Rules that change while a shop runs: what the new know of what was before them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.events.model import StoreModel
from aislewatch.rules.rule import Rule
from aislewatch.testing.small import REGISTRY, Shop, small_rule

EXIT = "event: rfid.crossing, as: exit"
UNPAID = small_rule(EXIT, "not_seen: pos.item, same: [epc], window: 10m before exit", rule="unpaid")
FAR_US = 86_400_000_000
OTHER = small_rule("event: pos.void, as: v", rule="other")


def reload(shop: Shop, *rules: Rule) -> None:
    """Have other rules decide from here on."""
    core = shop.core
    shop.core = Core(core.settings, StoreModel(), rules, REGISTRY, core.snapshot())


def said(shop: Shop, rule: str) -> list[str]:
    """Give what became of a rule's judgements: ``raised`` or ``undecided``, in order."""
    told = shop.said("signal.raised", "judgement.undecided")
    return ["undecided" if "because" in t and "clause" in t else "raised"
            for t in told if t["rule"] == rule]  # fmt: skip


def test_reloaded_rules_judge_what_is_not_judged_yet_and_what_was_said_stands() -> None:
    old, new = (small_rule("event: pos.void, as: v", points=points) for points in ("5", "9"))
    shop = Shop(old, lateness_us=2_000_000)
    shop.hear("10:00:00 pos.void lane=1\n10:00:03 pos.void lane=2")
    shop.tick("10:00:04")
    reload(shop, new)
    shop.tick("10:00:10")
    assert [signal["points_cb"] for signal in shop.signals] == [50, 90]
    configured = [record.type for record in shop.records].index("store.configured", 1)
    raised = [at for at, r in enumerate(shop.records) if r.type == "signal.raised"]
    assert raised[0] < configured < raised[1], "the log says where"


def test_what_a_new_rule_would_have_seen_before_the_reload_is_left_open() -> None:
    shop = Shop(OTHER, ahead_us=FAR_US)
    shop.hear("10:00:00 pos.item epc=E1")
    shop.tick("10:05:00")
    reload(shop, OTHER, UNPAID)
    # Paid five minutes ago, and nobody kept it; certain again once the window is behind.
    shop.hear("10:06:00 rfid.crossing epc=E1\n10:15:00 rfid.crossing epc=E2")
    shop.hear("10:15:00.1 rfid.crossing epc=E2")
    shop.tick("10:20:00")
    assert said(shop, "unpaid") == ["undecided", "undecided", "raised"]
    # What was seen since then decides, whatever was before.
    shop = Shop(OTHER, ahead_us=FAR_US)
    shop.tick("10:05:00")
    reload(shop, OTHER, UNPAID)
    shop.hear("10:06:00 pos.item epc=E1\n10:07:00 rfid.crossing epc=E1")
    shop.tick("10:20:00")
    assert said(shop, "unpaid") == []


def test_a_longer_window_is_left_open_until_all_of_it_was_kept() -> None:
    longer = small_rule(
        EXIT, "not_seen: pos.item, same: [epc], window: 2h before exit", rule="unpaid"
    )
    shop = Shop(UNPAID, horizon_us=0, ahead_us=FAR_US)
    shop.hear("10:00:00 rfid.crossing epc=E3")
    shop.tick("12:00:00")
    reload(shop, longer)
    shop.hear("12:01:00 rfid.crossing epc=E1\n13:49:59 rfid.crossing epc=E1")
    shop.hear("13:50:00 rfid.crossing epc=E1")
    shop.tick("14:00:00")
    assert said(shop, "unpaid") == ["raised", "undecided", "undecided", "raised"]


def test_a_rule_that_is_as_it_was_loses_nothing_by_a_reload() -> None:
    def in_lane(lane: str, rule: str) -> Rule:
        clause = (
            f"not_seen: pos.item, where: lane == '{lane}', same: [epc], window: 10m before exit"
        )
        return small_rule(EXIT, clause, rule=rule)

    one, two = in_lane("1", "one"), in_lane("2", "two")
    shop = Shop(one, ahead_us=FAR_US)
    shop.hear("10:00:00 pos.item epc=E1 lane=1")
    shop.tick("10:05:00")
    reload(shop, one, two)
    shop.hear("10:06:00 rfid.crossing epc=E1\n10:07:00 rfid.crossing epc=E2")
    shop.tick("10:08:00")
    assert said(shop, "one") == ["raised"], "E1 was seen in lane 1, E2 was not"
    assert said(shop, "two") == ["undecided", "undecided"]
    reload(shop, one)
    reload(shop, one, two)
    shop.hear("10:09:00 rfid.crossing epc=E1\n10:19:00 rfid.crossing epc=E1")
    shop.tick("10:20:00")
    assert said(shop, "one") == ["raised", "raised"]
    assert said(shop, "two") == ["undecided", "undecided", "undecided", "raised"]


RULES = [
    UNPAID,
    OTHER,
    small_rule(EXIT, "seen: pos.item, same: [epc], as: i, window: 4m before exit", rule="seen"),
    small_rule(EXIT, "not_seen: pos.item, same: [epc], window: 2m around exit", rule="around"),
    small_rule(EXIT, "count: pos.item, as: n, window: 6m before exit, at_least: 2", rule="many"),
    small_rule(EXIT, "count: pos.item, as: n, window: 3m before exit, at_most: 1", rule="few"),
    small_rule(
        EXIT,
        "unmatched: {left: rfid.read, right: pos.item}, same: [epc], window: 3m before exit",
        rule="left",
    ),
]


@st.composite
def days(draw: st.DrawFn) -> list[str]:
    """Make lines of events, half a minute apart at least: a rule's windows hold a few of them."""
    lines: list[str] = []
    for step in range(draw(st.integers(4, 40))):
        kind = draw(st.sampled_from(["rfid.crossing", "pos.item", "rfid.read", "pos.void lane=1"]))
        epc = f" epc=E{draw(st.integers(1, 2))}" if "void" not in kind else ""
        lines.append(f"10:{step // 2:02}:{step % 2 * 30:02} {kind}{epc}")
    return lines


@settings(deadline=None, max_examples=60)
@given(
    lines=days(),
    before=st.lists(st.sampled_from(RULES), unique_by=id, max_size=3),
    between=st.lists(st.sampled_from(RULES), unique_by=id, max_size=3),
    after=st.lists(st.sampled_from(RULES), unique_by=id, min_size=1, max_size=4),
    cuts=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_a_reloaded_rule_says_what_it_always_would_have_or_leaves_it_open(
    lines: list[str],
    before: Sequence[Rule],
    between: Sequence[Rule],
    after: Sequence[Rule],
    cuts: tuple[int, int],
) -> None:
    always, changed = Shop(*after), Shop(*before)
    first, second = sorted(cuts)
    for at, line in enumerate(lines):
        if at == first:
            reload(changed, *between)
        if at == second:
            reload(changed, *after)
        for shop in (always, changed):
            shop.hear(line)
            shop.tick(line.split()[0])
    for shop in (always, changed):
        shop.tick("11:00:00", final=True)
    since = min(second, len(lines)) * 30
    told = verdicts(changed, since)
    for signal, verdict in verdicts(always, since).items():
        assert verdict == "raised"
        assert signal in told, "what always would have been said is not passed over in silence"
    for signal, verdict in told.items():
        if verdict == "raised":
            assert signal in verdicts(always, since), "nobody is accused for want of evidence"


def verdicts(shop: Shop, since_s: int) -> dict[str, str]:
    """Give what stands of each judgement whose anchor came so many seconds after ten or later."""
    found: dict[str, str] = {}
    for record in shop.records:
        if record.type in {"signal.raised", "signal.amended"}:
            found[record.stream] = "raised"
        elif record.type == "signal.withdrawn":
            found.pop(record.stream, None)
        elif record.type == "judgement.undecided":
            found[record.stream] = "undecided"
    return {stream: told for stream, told in found.items() if _second(stream) >= since_s}


def _second(stream: str) -> int:
    time_us = int(stream.rpartition("@")[2])
    return time_us // 1_000_000 % 86_400 - 36_000
