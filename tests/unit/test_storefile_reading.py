"""Store files: read whole, or refused with every mistake in its place."""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.errors import FileMistakes, MistakeError, UsageError
from aislewatch.events.model import CatalogueProduct, Device, Zone
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

RULE = """\
id: tag-leaves
title: A tag leaves
status: live
owner: loss-prevention
severity: high
params: {near: -60dBm}
when:
  event: rfid.crossing
  as: exit
  where: direction == 'out' and rssi > params.near and not (epc in lists.transfers)
incident:
  type: theft.exit
  about: {epc: exit.epc}
  points: 20
  because: "{exit.epc} left"
"""

STORE = """\
store: s1
name: Corner shop
timezone: Europe/Amsterdam
currency: EUR
clock: {recording: door, tick: 2s}
lateness: 3s
horizon: 20m
ahead: 1m
merge_window: 1h
rules: [rules]
priors: {theft: -25.5}
params: {tag-leaves: {near: -55dBm}}
lists: {transfers: [E9]}
zones: {gate: {kind: exit, name: Front door}}
devices: {gate-1: {zone: gate, lane: "1", sees: [rfid.crossing]}}
data: data
products: {file: $data/products.csv, sku: no, name: what, weight: {from: gram, unit: g}, price: eur}
feeds: {door: {plugin: feed, config: {mapping: door.yml, files: [$data/*.jsonl]}}}
"""

PRODUCTS = "\ufeff\n\nno,what,gram,eur\nA1,Tea,100,1.25\nA2,Rice,1500,\n\n"

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/tag-leaves.yml").write_text(RULE)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/products.csv").write_text(PRODUCTS)
    (tmp_path / "data/monday.jsonl").write_text("")
    return tmp_path


def read(
    shop: Path, text: str = STORE, *, data: Path | None = None, events: Path | None = None
) -> Setup:
    (shop / "store.yml").write_text(text)
    return read_setup(shop / "store.yml", data=data, events=events)


def mistakes(shop: Path, text: str) -> list[str]:
    """Give the mistakes as they are told, places of the machine taken out."""
    with pytest.raises(FileMistakes) as caught:
        read(shop, text)
    return [m.render().replace(f"{shop}/", "") for m in caught.value.mistakes]


def changed(*pairs: tuple[str, str]) -> str:
    text = STORE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_everything_that_it_says_is_read(shop: Path) -> None:
    setup = read(shop)

    assert setup.stores == ("s1",)
    assert (setup.recording, setup.tick_us) == ("door", 2_000_000)
    settings = setup.settings("s1")
    assert settings.lateness_us == 3_000_000
    assert settings.horizon_us == 1_200_000_000
    assert settings.ahead_us == 60_000_000
    assert settings.merge_window_us == 3_600_000_000
    assert settings.priors_cb == {"theft": -255, "fraud": -300, "stock": -100, "operations": 0}
    assert setup.model.zones == {"gate": Zone("gate", "exit", "Front door")}
    assert setup.model.devices == {
        "gate-1": Device("gate-1", "gate", "1", frozenset({"rfid.crossing"}))
    }
    assert setup.model.lists == {"transfers": frozenset({"E9"})}
    assert [(rule.id, rule.params["near"]) for rule in setup.rules] == [("tag-leaves", "-55dBm")]
    assert setup.feeds["door"].config == {
        "mapping": "door.yml",
        "files": [str(shop / "data/*.jsonl")],
    }


def test_a_product_without_a_range_gets_what_a_packer_may_err_by(shop: Path) -> None:
    assert read(shop).model.products == (
        CatalogueProduct(
            sku="A1",
            name="Tea",
            weight_mg=100_000,
            weight_min_mg=91_000,
            weight_max_mg=109_000,
            price_minor=125,
        ),
        CatalogueProduct(
            sku="A2",
            name="Rice",
            weight_mg=1_500_000,
            weight_min_mg=1_455_000,
            weight_max_mg=1_545_000,
        ),
    )


@pytest.mark.parametrize(
    ("tolerance", "least", "greatest"),
    [("3%", 97_000, 103_000), ("0.0005%", 99_999, 100_001), ("5g", 95_000, 105_000)],
)
def test_a_stated_tolerance_is_rounded_outward(
    shop: Path, tolerance: str, least: int, greatest: int
) -> None:
    text = changed(("price: eur}", f"price: eur, tolerance: {tolerance}}}"))
    tea = read(shop, text).model.products[0]
    assert (tea.weight_min_mg, tea.weight_max_mg) == (least, greatest)


def test_a_range_in_pounds_is_rounded_outward(shop: Path) -> None:
    (shop / "data/products.json").write_text(
        '{"rows": [{"no": 7, "low": 0.385, "high": 0.395}, {"no": 8, "low": null, "high": ""}]}'
    )
    text = changed(
        (
            "products.csv, sku: no, name: what, weight: {from: gram, unit: g}, price: eur",
            "products.json, rows: rows, sku: no, weight_min: {from: low, unit: lb}, "
            "weight_max: {from: high, unit: lb}",
        )
    )
    assert read(shop, text).model.products == (
        CatalogueProduct(sku="7", weight_min_mg=174_633, weight_max_mg=179_169),
        CatalogueProduct(sku="8"),
    )


def test_what_may_be_kept_is_a_figure_that_decides(shop: Path) -> None:
    plain, bounded = read(shop), read(shop, changed(("store: ", "limits: {evidence: 7}\nstore: ")))
    assert plain.settings("1").evidence == 2_000_000
    assert bounded.settings("1").evidence == 7
    assert plain.meaning != bounded.meaning
    none = changed(("store: ", "limits: {evidence: 0}\nstore: "))
    assert any("must be at least 1" in mistake for mistake in mistakes(shop, none))


def test_a_star_stands_for_every_store_that_events_name(shop: Path) -> None:
    setup = read(shop, changed(("store: s1", 'store: "*"')))
    assert setup.accepts("anything")
    several = read(shop, changed(("store: s1", "store: [s1, s2]")))
    assert several.stores == ("s1", "s2")
    assert not several.accepts("anything")


def test_what_a_name_or_a_comment_says_changes_no_meaning_but_a_parameter_does(shop: Path) -> None:
    meaning = read(shop).meaning
    assert read(shop, changed(("Corner shop", "Other shop"))).meaning == meaning
    assert read(shop, STORE + "# more\n").meaning == meaning
    assert read(shop, changed(("-55dBm", "-54dBm"))).meaning != meaning
    assert read(shop, changed(("horizon: 20m", "horizon: 21m"))).meaning != meaning
    assert read(shop, changed(("[E9]", "[E8]"))).meaning != meaning


def test_data_stands_for_the_folder_of_the_command_then_for_that_of_the_file(
    shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "tuesday.jsonl").write_text("")

    setup = read(shop, events=other)

    assert setup.feeds["door"].config["files"] == [f"{other}/*.jsonl"]
    assert len(setup.model.products) == 2
    with pytest.raises(FileMistakes, match=r"products\.csv cannot be read.*") as caught:
        read(shop, data=other)
    assert "--data DIR" in caught.value.mistakes[0].hint


def test_data_without_a_folder_is_a_mistake_in_every_place_that_uses_it(shop: Path) -> None:
    assert [line.splitlines()[0] for line in mistakes(shop, changed(("data: data\n", "")))] == [
        "store.yml:16:18: error: nothing says where $data is: write 'data: folder', or give "
        "--data DIR",
        "store.yml:17:38: error: nothing says where $data is: write 'data: folder', or give "
        "--data DIR",
    ]


def test_all_mistakes_are_told_at_once_each_in_its_place(shop: Path) -> None:
    (shop / "rules/broken.yml").write_text(RULE.replace("tag-leaves", "b").replace("rssi", "rsi"))
    text = changed(
        ("currency: EUR", "curency: EUR"),
        ("lateness: 3s", "lateness: 3 parsecs"),
        ("[rules]", "[rules, no-rules]"),
        ("kind: exit", "kind: exits"),
        ("zone: gate, lane", "zone: gates, lane"),
        ("sees: [rfid.crossing]", "sees: [rfid.crosing]"),
        ("recording: door", "recording: dor"),
        ("mapping: door.yml", "maping: door.yml"),
    )
    *told, feed = mistakes(shop, text)
    assert told == [
        "rules/broken.yml:10:33: error: unknown field 'rsi' of rfid.crossing\n"
        "      where: direction == 'out' and rsi > params.near and not (epc in lists.transfers)\n"
        "                                    ^^^\n"
        "    hint: did you mean 'rssi'?",
        "store.yml:4:1: error: unknown key 'curency'\n"
        "    curency: EUR\n"
        "    ^^^^^^^\n"
        "    hint: did you mean 'currency'?",
        "store.yml:5:20: error: no feed is called 'dor'\n"
        "    clock: {recording: dor, tick: 2s}\n"
        "                       ^^^\n"
        "    hint: did you mean 'door'? feeds: door",
        "store.yml:6:11: error: '3 parsecs' is not a duration; write e.g. 30s, 5m, 12h, 1h30m\n"
        "    lateness: 3 parsecs\n"
        "              ^^^^^^^^^",
        "store.yml:10:16: error: no-rules does not exist\n"
        "    rules: [rules, no-rules]\n"
        "                   ^^^^^^^^",
        "store.yml:14:22: error: 'exits' is not one of shelf, sales-floor, fitting-room, "
        "service-desk, checkout, scan, bagging, staging, entrance, exit, stockroom, restricted\n"
        "    zones: {gate: {kind: exits, name: Front door}}\n"
        "                         ^^^^^\n"
        "    hint: did you mean 'exit'?",
        "store.yml:15:26: error: no zone is called 'gates'\n"
        '    devices: {gate-1: {zone: gates, lane: "1", sees: [rfid.crosing]}}\n'
        "                             ^^^^^\n"
        "    hint: did you mean 'gate'? zones: gate",
        "store.yml:15:51: error: no kind of event is called 'rfid.crosing'\n"
        '    devices: {gate-1: {zone: gates, lane: "1", sees: [rfid.crosing]}}\n'
        "                                                      ^^^^^^^^^^^^\n"
        "    hint: did you mean 'rfid.crossing'?",
    ]
    assert feed.startswith(
        "store.yml:18:39: error: unknown key 'maping'\n"
        "    feeds: {door: {plugin: feed, config: {maping: door.yml, files: [$data/*.jsonl]}}}\n"
        "                                          ^^^^^^\n"
        "    hint: did you mean 'mapping'?"
    )


def test_a_device_that_stands_there_twice_is_a_mistake(shop: Path) -> None:
    text = changed(("devices: {", "devices: {gate-1: {zone: gate}, "))
    (told,) = mistakes(shop, text)
    assert told.startswith("store.yml:15:33: error: ")
    assert "'gate-1'" in told


def test_a_device_cannot_be_called_as_the_clock_is(shop: Path) -> None:
    (told,) = mistakes(shop, changed(("devices: {gate-1", "devices: {clock")))
    assert told.startswith("store.yml:15:11: error: 'clock' is the store's own clock")


def test_parameters_are_blamed_where_the_site_sets_them(shop: Path) -> None:
    wrong = changed(("{near: -55dBm}", "{near: 5kg, far: 1}, tag-left: {near: 1}"))
    (unit, unknown) = mistakes(shop, wrong)
    assert unit.startswith("store.yml:12:29: error: near of tag-leaves is '5kg'")
    assert unknown.startswith("store.yml:12:34: error: the rule 'tag-leaves' has no parameter")
    (rule,) = mistakes(shop, changed(("params: {tag-leaves", "params: {tag-leavs")))
    assert rule.startswith("store.yml:12:10: error: parameters are set for a rule that is not")
    assert "did you mean 'tag-leaves'?" in rule


def test_every_bad_row_of_a_catalogue_is_told_with_its_line(shop: Path) -> None:
    (shop / "data/products.csv").write_text(
        'no,what,gram,eur\nA1,"Tea,\ngreen",100,1.25\nA2,Rice,heavy,-2\n,Salt,5,1\nA1,Tea,-5,1.255\n'
    )
    assert mistakes(shop, STORE) == [
        "data/products.csv:4:9: error: 'heavy' is not a number; write it with a point, as in 12.5\n"
        "    A2,Rice,heavy,-2\n"
        "            ^^^^^",
        "data/products.csv:4:15: error: '-2' is a negative amount\n"
        "    A2,Rice,heavy,-2\n"
        "                  ^^",
        "data/products.csv:5:1: error: the product has no sku\n    ,Salt,5,1\n    ^^^^^^^^^",
        "data/products.csv:6:1: error: sku 'A1' stands in line 2 already\n"
        "    A1,Tea,-5,1.255\n"
        "    ^^",
        "data/products.csv:6:8: error: weight is negative\n    A1,Tea,-5,1.255\n           ^^",
        "data/products.csv:6:11: error: '1.255' has fractions of the smallest coin; say 'round: "
        "nearest' to allow\n"
        "    A1,Tea,-5,1.255\n"
        "              ^^^^^",
    ]


def test_a_wrong_column_does_not_bury_the_reader(shop: Path) -> None:
    rows = "".join(f"A{n},Tea,x,1\n" for n in range(1000))
    (shop / "data/products.csv").write_text("no,what,gram,eur\n" + rows)
    told = mistakes(shop, STORE)
    assert len(told) == 21
    assert told[-1].startswith(
        "data/products.csv:22:9: error: 980 more mistakes like these, from here on\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("products.csv", "no,what,gram,eur\nA1,Tea,1,1,1\n", "line 2 has 5 cells, its header 4"),
        ("products.json", "{}", "it is no JSON array"),
        ("products.jsonl", '{"no": "A1"}\n{', "line 2: "),
        ("products.xls", "", "its name ends in .xls; known are .csv, .json, .jsonl, .ndjson"),
        ("absent.csv", None, "No such file or directory"),
    ],
)
def test_a_catalogue_that_is_none_is_blamed_on_the_line_that_names_it(
    shop: Path, name: str, content: str | None, reason: str
) -> None:
    if content is not None:
        (shop / "data" / name).write_text(content)
    (told,) = mistakes(shop, changed(("products.csv", name)))
    assert told.startswith(
        f"store.yml:17:18: error: catalogue data/{name} cannot be read: {reason}"
    )


def test_half_a_range_and_a_tolerance_of_nothing_are_mistakes(shop: Path) -> None:
    half = changed(("weight: {from", "tolerance: 3%, weight_min: {from"))
    assert [told.splitlines()[0] for told in mistakes(shop, half)] == [
        "store.yml:17:59: error: a tolerance belongs to a 'weight' without 'weight_min' and "
        "'weight_max'",
        "store.yml:17:74: error: a range of weights has two ends: say 'weight_min' and "
        "'weight_max'",
    ]


def test_an_unknown_plugin_is_told_with_what_is_installed(shop: Path) -> None:
    (told,) = mistakes(shop, changed(("plugin: feed", "plugin: fed")))
    assert told.startswith("store.yml:18:24: error: there is no sensor plugin 'fed'")


def test_a_file_that_is_not_there_is_a_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"store file .* cannot be read: No such file"):
        read_setup(tmp_path / "store.yml")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    at=st.integers(0, len(STORE)),
    size=st.integers(0, 12),
    new=st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["{", "[", ": ", "- "]),
)
def test_whatever_is_written_is_read_or_told_as_mistakes(
    shop: Path, at: int, size: int, new: str
) -> None:
    (shop / "store.yml").write_text(STORE[:at] + new + STORE[at + size :], encoding="utf-8")
    with contextlib.suppress(MistakeError):
        read_setup(shop / "store.yml")


@pytest.mark.parametrize(("name", "products"), [("sentinel", 50), ("rtsf", 23), ("nedap", 7663)])
def test_the_third_party_store_files_are_read(name: str, products: int) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"no third-party data at {DATA}; set AISLEWATCH_DATA")
    setup = read_setup(FIXTURES / name / "store.yml", data=DATA / name)
    assert len(setup.model.products) == products
    assert setup.rules


def test_a_rule_file_in_place_of_a_store_file_is_one_mistake(tmp_path: Path) -> None:
    file = tmp_path / "tag-leaves.yml"
    file.write_text(RULE)
    with pytest.raises(FileMistakes) as caught:
        read_setup(file)
    (mistake,) = caught.value.mistakes
    assert "meant for something else: it says 'id', 'title', 'status', 'owner', ..." in str(mistake)
