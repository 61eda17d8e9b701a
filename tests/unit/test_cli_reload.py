"""What `reload` says of each way in which it can come out."""

from pathlib import Path

import pytest

from aislewatch.cli import main
from aislewatch.cli.reload import reload_lines
from aislewatch.runtime.live_reload import Reload, Reloaded


@pytest.mark.parametrize(
    ("reloaded", "sentence"),
    [
        (Reloaded(), "nothing has changed in what decides: the run goes on as it was"),
        (Reloaded(changed=True), "no store was heard of yet: the new rules decide in all of them"),
        (
            Reloaded(changed=True, stores=(Reload("s1", 1200, 8, committed=True),)),
            "s1: decides by the new rules from place 1,200 of its log on; "
            "record 8 of its chain names them",
        ),
        (
            Reloaded(changed=True, stores=(Reload("s1", 7, None, committed=True),)),
            "s1: decides by the new rules from place 7 of its log on",
        ),
        (
            Reloaded(changed=True, stores=(Reload("s1", 7, None, committed=False),)),
            "s1: decides by the new rules from place 7 of its log on; it has not come there yet",
        ),
        (
            Reloaded(changed=True, stores=(Reload("s1", 0, None, committed=False),)),
            "s1: NATS is away; the new rules wait for it, and decide from then on",
        ),
    ],
)
def test_each_end_of_a_reload_has_its_sentence(reloaded: Reloaded, sentence: str) -> None:
    assert reload_lines(reloaded) == [sentence]


def test_what_was_changed_in_vain_is_noted() -> None:
    assert reload_lines(Reloaded(notes=("feeds gate",)))[1:] == ["note: feeds gate"]


def test_with_nobody_running_one_sentence_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reload", "store.yml", "--folder", str(tmp_path)]) == 2
    told = f"aislewatch: nobody is running in {tmp_path}: name the --folder of the run\n"
    assert capsys.readouterr() == ("", told)
