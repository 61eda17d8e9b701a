"""The detector's figures are of a detector that works."""

import detector_figures


def test_a_measurement_looks_at_every_picture_and_finds_things() -> None:
    one = detector_figures.measure(96, 128, looks=12)
    assert (one.backend, one.threads, one.height, one.width) == ("litert", 1, 96, 128)
    assert one.found > 6
    assert 0 < one.median_ms <= one.p99_ms
    assert one.pictures_per_s > 0
    assert one.core_percent > 0
