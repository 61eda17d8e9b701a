"""What of two established engines' cases the rule language says, by feature, as a table.

Run with ``just conformance``. Exits with 1 where a case that was said comes out differently, with 2
where the cases are not there.
"""

from __future__ import annotations

import sys
from collections import Counter

from conformance_cases import FOLDER, Case, Outcome, load_cases
from rich.console import Console
from rich.progress import track
from rich.table import Table
from siddhi_tree import NotSaid, Reason


def main() -> int:
    console, progress = Console(), Console(stderr=True)
    cases = load_cases()
    if not cases:
        progress.print(f"the cases are not there: {FOLDER}")
        return 2
    said: list[tuple[Case, Outcome]] = []
    unsaid: list[Reason] = []
    for case in track(cases, "Judging", console=progress, disable=not progress.is_terminal):
        try:
            said.append((case, case.judge()))
        except NotSaid as not_said:
            unsaid.append(not_said.reason)
    console.print(_by_feature(cases, said))
    console.print(_reasons(unsaid))
    different = [(case, found) for case, found in said if found.expected != found.got]
    for case, found in different:
        console.print(f"DIFFERENT {case.name}: expected {found.expected}, got {found.got}")
    one = sum(found.rules == 1 for _, found in said)
    console.print(
        f"{len(said)} of {len(cases)} cases said, {one} of them by one rule; "
        f"{len(different)} come out differently"
    )
    return 1 if different else 0


def _by_feature(cases: list[Case], said: list[tuple[Case, Outcome]]) -> Table:
    table = Table("feature", title="Cases said as rules")
    for head in ("cases", "said", "the same", "most rules"):
        table.add_column(head, justify="right")
    for feature in sorted({feature for case in cases for feature in case.features}):
        outcomes = [found for case, found in said if feature in case.features]
        table.add_row(
            feature,
            str(sum(feature in case.features for case in cases)),
            str(len(outcomes)),
            str(sum(found.expected == found.got for found in outcomes)),
            str(max((found.rules for found in outcomes), default=0)),
        )
    return table


def _reasons(unsaid: list[Reason]) -> Table:
    table = Table("not said", "why", title="What cannot be said")
    table.add_column("cases", justify="right")
    counts = Counter(unsaid)
    for reason, count in counts.most_common():
        table.add_row(reason.feature, reason.why, str(count))
    return table


if __name__ == "__main__":
    sys.exit(main())
