"""What the bundled detector costs on the CPU: pictures a second, and how much of a core they take.

The pictures are drawn before the clock starts. A measurement is all that the detector does with a
picture: squeezing it, computing, and reading the outputs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from aislewatch_plugins.vision.detecting import DetectorConfig, open_detector
from aislewatch_sim.pictures.scenes import scene

SIZES: Final = ((240, 320), (480, 640), (720, 1280))
"""Heights and widths, in pixels."""

PICTURES_PER_S: Final = 10
"""What one camera gives a detector where nothing else is configured."""

_DRAWN: Final = 12
_SEED: Final = 2_000_000_000


class Figures(NamedTuple):
    """What was measured of one back end.

    Attributes:
        backend: ``litert`` or ``tflite-runtime``.
        threads: that it computed on.
        height: of the pictures, in pixels.
        width: the same.
        pictures_per_s: looked at one after another, by the clock on the wall.
        median_ms: time of one.
        p99_ms: time that one in a hundred takes longer than.
        cpu_ms: processor time of one, of all threads.
        found: things found in all pictures; 0 would be a detector that does nothing.
    """

    backend: str
    threads: int
    height: int
    width: int
    pictures_per_s: float
    median_ms: float
    p99_ms: float
    cpu_ms: float
    found: int

    @property
    def core_percent(self) -> float:
        """How much of one core a camera takes that gives PICTURES_PER_S pictures a second."""
        return self.cpu_ms * PICTURES_PER_S / 10


def measure(
    height: int,
    width: int,
    *,
    looks: int,
    threads: int = 1,
    backend: Literal["litert", "tflite-runtime"] = "litert",
) -> Figures:
    """Let the bundled detector look at pictures of a size.

    Args:
        height: of the pictures, in pixels.
        width: the same.
        looks: how many.
        threads: to compute on.
        backend: to compute with.
    """
    detector = open_detector(DetectorConfig(backend=backend, threads=threads), Path())
    pictures = [scene(_SEED + number, height, width).picture for number in range(_DRAWN)]
    for picture in pictures:  # The first look at a size makes room for it.
        detector.detect(picture)
    took_s: list[float] = []
    found = 0
    cpu_s = time.process_time()
    for number in range(looks):
        since_s = time.perf_counter()
        found += len(detector.detect(pictures[number % _DRAWN]))
        took_s.append(time.perf_counter() - since_s)
    cpu_s = time.process_time() - cpu_s
    detector.close()
    return Figures(
        backend=backend,
        threads=threads,
        height=height,
        width=width,
        pictures_per_s=looks / sum(took_s),
        median_ms=1000 * statistics.median(took_s),
        p99_ms=1000 * sorted(took_s)[int(0.99 * looks)],
        cpu_ms=1000 * cpu_s / looks,
        found=found,
    )


def lines(looks: int) -> Iterator[str]:
    """Measure at every size, on one thread and on two, and give a line of a table for each."""
    yield "The bundled detector, from a picture to what is in it"
    for height, width in SIZES:
        for threads in (1, 2):
            one = measure(height, width, looks=looks, threads=threads)
            assert one.found > 0, "the detector found nothing"
            yield (
                f"  {f'{one.backend}, {width} x {height}, threads {threads}':<34}"
                f"{one.pictures_per_s:>7,.0f} pictures/s   median {one.median_ms:.2f} ms, "
                f"p99 {one.p99_ms:.2f} ms   {one.core_percent:.1f} % of a core at "
                f"{PICTURES_PER_S} pictures/s"
            )
