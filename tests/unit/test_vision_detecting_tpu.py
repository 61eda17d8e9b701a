"""An accelerator that is there, is not, fails, hangs or dies: a delegate with the real interface.

The delegate is built here and computes what only an Edge TPU computes. What hangs or dies takes its
process with it, so that it is tried in one of its own; the device's host is tried on the same in
tests/contract.
"""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from fake_tpu import build_fake_tpu
from handmade_models import colour_spotter, compiled
from numpy.typing import NDArray

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.vision.detecting import Box, Detection, DetectorConfig, open_detector

LIBRARY = "libfake_tpu.so"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fake_tpu(tmp_path_factory.mktemp("fake-tpu"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spot.tflite").write_bytes(colour_spotter())
    (tmp_path / "spot_edgetpu.tflite").write_bytes(compiled())
    (tmp_path / "spot.labels.txt").write_text("green\nblue\n")
    return tmp_path


def config(library: Path, *, mode: str = "present", **given: object) -> DetectorConfig:
    options = {"mode": mode, "after": str(given.pop("after", 0))}
    base = {"model": "spot.tflite", "backend": "edgetpu", "delegate": str(library)}
    return DetectorConfig.model_validate({**base, "delegate_options": options, **given})


def picture() -> NDArray[np.uint8]:
    """Something red, which the accelerator finds, and green, which only the CPU's model does."""
    frame = np.zeros((64, 64, 3), np.uint8)
    frame[16:32, 8:24, 0] = 255
    frame[0:16, 16:32, 1] = 255
    return frame


def test_an_accelerator_that_is_there_computes(library: Path, folder: Path) -> None:
    detector = open_detector(config(library), folder)
    assert detector.detect(picture()) == [
        Detection("green", 0.75, Box(8 / 64, 16 / 64, 24 / 64, 32 / 64))
    ]
    assert detector.detect(np.zeros((64, 64, 3), np.uint8)) == []
    backend = detector.backend
    assert (backend.name, backend.device) == ("edgetpu", f"Edge TPU by {LIBRARY} in litert")
    assert (backend.model, backend.degraded) == ("spot_edgetpu.tflite", False)


def test_auto_takes_an_accelerator_that_is_there(library: Path, folder: Path) -> None:
    backend = open_detector(config(library, backend="auto"), folder).backend
    assert (backend.name, backend.why) == ("edgetpu", "an Edge TPU is there")
    assert not backend.degraded


def test_a_compiled_model_may_be_named_itself(library: Path, folder: Path) -> None:
    given = config(library, backend="auto", model="spot_edgetpu.tflite")
    assert open_detector(given, folder).backend.name == "edgetpu"


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("absent", "no Edge TPU answers {library}"),
        ("says-why", "no Edge TPU answers {library}: it is taken by another process"),
        (
            "prepare-fails",
            "the Edge TPU does not take the model spot_edgetpu.tflite: Encountered unresolved "
            "custom op: edgetpu-custom-op",
        ),
    ],
)
def test_an_accelerator_that_was_asked_for_is_never_replaced(
    library: Path, folder: Path, mode: str, said: str
) -> None:
    with pytest.raises(DeviceNotReady) as raised:
        open_detector(config(library, mode=mode), folder)
    assert str(raised.value).startswith(said.format(library=library))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("mode", ["absent", "says-why", "prepare-fails"])
def test_auto_falls_back_and_says_so(library: Path, folder: Path, mode: str) -> None:
    detector = open_detector(config(library, backend="auto", mode=mode), folder)
    backend = detector.backend
    assert (backend.name, backend.device, backend.degraded) == ("litert", "CPU", True)
    assert backend.model == "spot.tflite"
    assert backend.why.startswith("no Edge TPU could be taken: ")
    assert [one.label for one in detector.detect(picture())] == ["green"]


def test_auto_has_nothing_to_fall_back_to_with_a_compiled_model(
    library: Path, folder: Path
) -> None:
    given = config(library, backend="auto", model="spot_edgetpu.tflite", mode="absent")
    with pytest.raises(DeviceNotReady, match="no Edge TPU answers"):
        open_detector(given, folder)


def test_a_missing_library_is_one_sentence(folder: Path) -> None:
    with pytest.raises(DeviceMisconfigured) as raised:
        open_detector(config(Path("/nowhere/libedgetpu.so.1")), folder)
    said = str(raised.value)
    assert said.startswith("the Edge TPU's library /nowhere/libedgetpu.so.1 cannot be loaded: ")
    assert "\n" not in said


def test_a_library_that_is_no_delegate_is_one_sentence(folder: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match=r"libc\.so\.6 is no TFLite delegate"):
        open_detector(config(Path("libc.so.6")), folder)


def test_a_model_that_would_stay_on_the_cpu_is_refused(library: Path, folder: Path) -> None:
    (folder / "spot_edgetpu.tflite").unlink()
    with pytest.raises(DeviceMisconfigured, match="was not compiled for an Edge TPU"):
        open_detector(config(library), folder)
    with pytest.raises(DeviceMisconfigured, match="was not compiled for an Edge TPU"):
        open_detector(config(library, model="bundled"), folder)
    backend = open_detector(config(library, backend="auto"), folder).backend
    assert backend.degraded
    assert "was not compiled for an Edge TPU" in backend.why


def test_a_file_that_only_claims_to_be_compiled_is_refused(library: Path, folder: Path) -> None:
    (folder / "spot_edgetpu.tflite").write_bytes(colour_spotter())
    with pytest.raises(DeviceMisconfigured, match="named as if it was compiled"):
        open_detector(config(library), folder)


def test_the_compiled_file_has_a_hash_of_its_own(library: Path, folder: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match=r"spot_edgetpu\.tflite is not the one that was"):
        open_detector(config(library, edgetpu_sha256="0" * 64), folder)


def test_an_accelerator_that_is_pulled_out_is_a_device_error(library: Path, folder: Path) -> None:
    detector = open_detector(config(library, mode="invoke-fails", after=2), folder)
    assert len(detector.detect(picture())) == len(detector.detect(picture())) == 1
    with pytest.raises(DeviceNotReady) as raised:
        detector.detect(picture())
    expected = f"the Edge TPU by {LIBRARY} in litert failed: the fake accelerator was pulled out"
    assert str(raised.value) == expected
    detector.close()


@pytest.mark.parametrize("mode", ["create-crashes", "invoke-crashes", "invoke-aborts"])
def test_an_accelerator_that_dies_takes_its_own_process_only(
    library: Path, folder: Path, mode: str
) -> None:
    with _looking(library, folder, mode) as process:
        assert process.wait(60) < 0
        assert process.stdout is not None
        assert process.stdout.read() == ("" if mode.startswith("create") else "opened\n")


@pytest.mark.parametrize("mode", ["create-hangs", "prepare-hangs", "invoke-hangs"])
def test_an_accelerator_that_hangs_can_be_ended_by_force(
    library: Path, folder: Path, mode: str
) -> None:
    with _looking(library, folder, mode) as process:
        assert process.stdout is not None
        if mode == "invoke-hangs":
            assert process.stdout.readline() == "opened\n"
        assert process.stdout.readline() == "hangs\n"
        assert process.poll() is None
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
        assert process.stdout.read() == ""


def _looking(library: Path, folder: Path, mode: str) -> subprocess.Popen[str]:
    program = """
        import sys
        from pathlib import Path
        import numpy
        from aislewatch_plugins.vision.detecting import DetectorConfig, open_detector

        config = DetectorConfig.model_validate_json(sys.argv[1])
        detector = open_detector(config, Path(sys.argv[2]))
        print("opened", flush=True)
        print(detector.detect(numpy.zeros((64, 64, 3), numpy.uint8)), flush=True)
    """
    given = config(library, mode=mode).model_dump_json()
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), given, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
