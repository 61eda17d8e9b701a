"""What a detector is opened from, what it computes on, and what is said where it cannot be."""

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from handmade_models import Step, Wire, colour_spotter, compiled, graph, schema
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.detecting import (
    Backend,
    Box,
    Detection,
    DetectorConfig,
    open_detector,
)
from aislewatch_plugins.vision.modelfile import parse_labels

SPOTTER = colour_spotter()
SHA256 = hashlib.sha256(SPOTTER).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spot.tflite").write_bytes(SPOTTER)
    (tmp_path / "spot.labels.txt").write_text("green\nblue\n")
    return tmp_path


def config(**given: object) -> DetectorConfig:
    return DetectorConfig.model_validate({"model": "spot.tflite", "backend": "litert", **given})


def picture() -> NDArray[np.uint8]:
    """A green field in the upper row, and a darker blue one in the lower left."""
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[0:120, 160:320, 1] = 255
    frame[360:480, 0:160, 2] = 200
    return frame


def test_a_model_of_corals_zoo_finds_what_is_in_the_picture(folder: Path) -> None:
    detector = open_detector(config(), folder)
    green, blue = detector.detect(picture())
    assert green == Detection("green", 1.0, Box(0.25, 0.0, 0.5, 0.25))
    assert (blue.label, blue.box) == ("blue", Box(0.0, 0.75, 0.25, 1.0))
    assert blue.score == pytest.approx(200 / 255, abs=0.003)
    assert detector.labels == ("green", "blue")


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)])
def test_every_known_order_of_outputs_says_the_same(
    folder: Path, order: tuple[int, int, int, int]
) -> None:
    expected = open_detector(config(), folder).detect(picture())
    (folder / "spot.tflite").write_bytes(colour_spotter(order=order))
    assert open_detector(config(), folder).detect(picture()) == expected


def test_a_picture_of_any_shape_is_looked_at(folder: Path) -> None:
    detector = open_detector(config(), folder)
    for height, width in [(1, 1), (17, 900), (64, 64), (1080, 1920)]:
        frame = np.zeros((height, width, 3), np.uint8)
        frame[..., 1] = 255
        found = detector.detect(frame)
        assert {one.label for one in found} == {"green"}


def test_what_scores_too_little_is_left_out(folder: Path) -> None:
    detector = open_detector(config(min_score=0.9), folder)
    assert [one.label for one in detector.detect(picture())] == ["green"]


def test_the_back_end_that_was_asked_for_is_told(folder: Path) -> None:
    backend = open_detector(config(), folder).backend
    assert backend == Backend(
        name="litert",
        device="CPU",
        model="spot.tflite",
        model_sha256=SHA256,
        why="the configuration asks for it",
        degraded=False,
    )


def test_a_closed_detector_stays_closed(folder: Path) -> None:
    detector = open_detector(config(), folder)
    detector.close()
    detector.close()


def test_the_right_hash_is_taken_and_another_refused(folder: Path) -> None:
    assert open_detector(config(sha256=SHA256), folder).backend.model_sha256 == SHA256
    with pytest.raises(DeviceMisconfigured, match=f"not the one that was meant.*{SHA256}"):
        open_detector(config(sha256="0" * 64), folder)


def test_a_bundled_model_that_was_changed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match="not the one that was meant"):
        open_detector(DetectorConfig(backend="litert", sha256=SHA256), tmp_path)


def test_missing_files_are_named(folder: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match=r"the model .*away\.tflite cannot be read: No"):
        open_detector(config(model="away.tflite"), folder)
    with pytest.raises(DeviceMisconfigured, match=r"list of labels .*away\.txt cannot be read"):
        open_detector(config(labels="away.txt"), folder)
    with pytest.raises(DeviceMisconfigured, match=r"is no \.tflite file"):
        open_detector(config(model="spot.labels.txt"), folder)


def test_an_empty_or_binary_list_of_labels_is_refused(folder: Path) -> None:
    (folder / "spot.labels.txt").write_text("\n\n")
    with pytest.raises(DeviceMisconfigured, match="is empty"):
        open_detector(config(), folder)
    (folder / "spot.labels.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DeviceMisconfigured, match="no UTF-8 text"):
        open_detector(config(), folder)


def test_a_class_that_the_list_leaves_out_is_still_told(folder: Path) -> None:
    (folder / "spot.labels.txt").write_text("green\n")
    labels = [one.label for one in open_detector(config(), folder).detect(picture())]
    assert labels == ["green", "class 1"]


def test_labels_may_carry_their_numbers() -> None:
    assert parse_labels(["1: person", "3  bicycle", ""]) == ("", "person", "", "bicycle")
    assert parse_labels(["person", "???", "7 up"]) == ("person", "", "7 up")


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, len(SPOTTER) // 2, len(SPOTTER) - 9])
def test_a_model_that_was_cut_off_is_refused_in_a_sentence(folder: Path, length: int) -> None:
    (folder / "spot.tflite").write_bytes(SPOTTER[:length])
    with pytest.raises(DeviceMisconfigured, match=r"spot\.tflite"):
        open_detector(config(), folder)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_what_is_no_model_is_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("nonsense")
    (folder / "m.tflite").write_bytes(b"\x1c\0\0\0TFL3" + content)
    (folder / "m.labels.txt").write_text("one\n")
    with pytest.raises(DeviceMisconfigured, match=r"the model m\.tflite"):
        open_detector(config(model="m.tflite"), folder)


def test_a_model_that_is_no_detector_is_refused_with_its_shapes(folder: Path) -> None:
    byte = schema.TensorType.UINT8
    wires = [Wire((1, 8, 8, 3), byte, 1 / 255), Wire((1, 8, 8, 3))]
    options = schema.BuiltinOptions.DequantizeOptions
    kind = schema.BuiltinOperator.DEQUANTIZE
    step = Step([0], [1], kind, "", options, schema.DequantizeOptionsT())
    (folder / "spot.tflite").write_bytes(graph(wires, [step], [0], [1]))
    with pytest.raises(DeviceMisconfigured, match=r"no detector.*1x8x8x3 float32"):
        open_detector(config(), folder)


def test_a_model_of_floats_is_refused(folder: Path) -> None:
    kind, options = schema.BuiltinOperator.ABS, schema.BuiltinOptions.AbsOptions
    wires = [Wire((1, 8, 8, 3)), Wire((1, 8, 8, 3))]
    step = Step([0], [1], kind, "", options, schema.AbsOptionsT())
    (folder / "spot.tflite").write_bytes(graph(wires, [step], [0], [1]))
    with pytest.raises(DeviceMisconfigured, match=r"1x8x8x3 float32: quantise it"):
        open_detector(config(), folder)


def test_a_compiled_model_is_refused_on_the_cpu_by_its_reason(folder: Path) -> None:
    (folder / "spot.tflite").write_bytes(compiled())
    with pytest.raises(DeviceMisconfigured, match="compiled for an Edge TPU and runs on nothing"):
        open_detector(config(), folder)


def test_a_missing_interpreter_is_one_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.delitem(sys.modules, "ai_edge_litert.interpreter", raising=False)
    with pytest.raises(DeviceMisconfigured) as raised:
        open_detector(config(), folder)
    assert str(raised.value) == "litert is not installed: install aislewatch[vision]"


def test_missing_opencv_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aislewatch_plugins.vision.backends")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DeviceMisconfigured) as raised:
        open_detector(config(), folder)
    assert str(raised.value) == "a detector needs cv2: install aislewatch[vision]"


def test_tflite_runtime_is_never_taken_for_litert(folder: Path) -> None:
    if find_spec("tflite_runtime") is not None:
        pytest.skip("tflite-runtime is installed here")
    with pytest.raises(DeviceMisconfigured) as raised:
        open_detector(config(backend="tflite-runtime"), folder)
    expected = "tflite-runtime is not installed: install aislewatch[tflite], on Python 3.11"
    assert str(raised.value) == expected


def test_the_interpreter_of_auto_may_be_chosen(folder: Path) -> None:
    detector = open_detector(config(backend="auto", interpreter="litert"), folder)
    assert detector.backend.name == "litert"
    if find_spec("tflite_runtime") is None:
        with pytest.raises(DeviceMisconfigured, match="tflite-runtime is not installed"):
            open_detector(config(backend="auto", interpreter="tflite-runtime"), folder)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"backend": "gpu"}, "backend"),
        ({"threads": 0}, "threads"),
        ({"min_score": 1.5}, "min_score"),
        ({"sha256": "abc"}, "sha256"),
        ({"model": "bundled", "labels": "x.txt"}, "the bundled model brings its labels"),
        ({"treads": 2}, "treads"),
        ({"interpreter": "tflite-runtime"}, "is an interpreter: leave 'interpreter' out"),
    ],
)
def test_a_wrong_configuration_says_where(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**given)
