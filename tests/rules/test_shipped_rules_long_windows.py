"""Windows of shipped rules that are longer than the four days that an inline test's clock tells."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.running import run_events, standing

FOLDER = Path(__file__).parents[2] / "rules"
REGISTRY = Registry()
DAY_US = 86_400_000_000


def signals(rule_id: str, text: str, later_us: int) -> int:
    """Run a rule on lines of which the last happens so much later; give how many signals stand."""
    file = FOLDER / f"{rule_id}.yml"
    rule = load_rule(file.read_bytes(), file.name, REGISTRY)
    *earlier, last = parse_lines(text, REGISTRY)
    events = [*earlier, msgspec.structs.replace(last, time=last.time + later_us)]
    return len(standing(run_events([replace(rule, status="live")], events, REGISTRY)))


@pytest.mark.parametrize(("later_us", "wanted"), [(14 * DAY_US, 0), (14 * DAY_US + 1, 1)])
def test_an_article_sold_two_weeks_ago_may_come_back_and_one_sold_before_counts_as_never_sold(
    later_us: int, wanted: int
) -> None:
    text = """
    10:00:00 pos.item   sku=A
    10:00:00 pos.refund sku=A
    """
    assert signals("never-sold-refund", text, later_us) == wanted


@pytest.mark.parametrize(("later_us", "wanted"), [(7 * DAY_US, 1), (7 * DAY_US + 1, 0)])
def test_three_refunds_on_one_card_count_together_within_a_week_and_no_longer(
    later_us: int, wanted: int
) -> None:
    text = """
    10:00:00 pos.refund customer=K1 *2
    10:00:00 pos.refund customer=K1
    """
    assert signals("refund-velocity", text, later_us) == wanted
