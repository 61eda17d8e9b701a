"""Pseudonyms of whoever does something: one for each person, and no way back without the key."""

from pathlib import Path

import pytest

from aislewatch.errors import UsageError
from aislewatch.runtime.who import KEY, pseudonym


def test_a_person_has_one_pseudonym_in_a_folder_and_another_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    first = pseudonym(here, "ann")
    assert pseudonym(here, "ann") == first
    assert pseudonym(here, "ben") != first
    assert pseudonym(there, "ann") != first
    assert "ann" not in first


def test_the_key_is_its_owner_s_alone_and_a_cut_one_is_told(tmp_path: Path) -> None:
    pseudonym(tmp_path, "ann")
    assert [file.name for file in tmp_path.iterdir()] == [KEY]
    assert (tmp_path / KEY).stat().st_mode & 0o077 == 0
    (tmp_path / KEY).write_bytes(b"short")
    with pytest.raises(UsageError, match="holds no key"):
        pseudonym(tmp_path, "ann")
    with pytest.raises(UsageError, match="cannot be read"):
        pseudonym(tmp_path / "nowhere", "ann")
