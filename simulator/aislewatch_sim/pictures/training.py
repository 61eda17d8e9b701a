"""``python -m aislewatch_sim.pictures.training FOLDER``: makes the bundled detector anew.

Writes ``scenes.tflite``, ``scenes.labels.txt`` and ``scenes.sha256`` there. Everything is drawn and
learned from one seed, on one thread. TensorFlow gives the same bytes again for the same version on
the same kind of processor, and may give others elsewhere; that is why the model is shipped and not
made at installation. Needs the extra ``train``, some 3 GB of memory and half an hour of a core.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.canvas import Picture
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.judging import Tally, finds, tallied
from aislewatch_sim.pictures.network import loss, network, quantised, shifted
from aislewatch_sim.pictures.scenes import Truth, scene
from aislewatch_sim.pictures.surroundings import BUSY, LEARNED
from aislewatch_sim.pictures.targets import CELLS, SIDE, targets

SEED: Final = 20_251
CHOOSING: Final = 900_000_000
"""Seeds from here to `HELD_OUT` say how sure is sure enough; nothing is learned from them."""

HELD_OUT: Final = 1_000_000_000
"""Seeds from here on are for judging: nothing is learned from them, nor chosen by them."""

_BATCH: Final = 32
_CALIBRATION: Final = 300
_SIZES: Final = ((120, 160), (160, 216), (160, 284), (192, 256))
"""Heights and widths that scenes are drawn in."""
_NAME: Final = "scenes"


class Round(NamedTuple):
    """A part of the training, with scenes of its own.

    Attributes:
        scenes: to learn from.
        epochs: how often each.
        pace: of learning at its fastest; a round begins and ends slowly.
        busy: every second four of them are of busy hands.
    """

    scenes: int
    epochs: int
    pace: float
    busy: bool


_ROUNDS: Final = (
    Round(12_000, 6, 3e-3, busy=False),
    Round(10_000, 3, 1.5e-3, busy=True),
    Round(8_000, 2, 1e-3, busy=True),
)
"""Goods in hands are the hardest, and are learned best by who knows goods and hands."""


class Drawn(NamedTuple):
    """Scenes, squeezed to the model's square.

    Attributes:
        pictures: count x SIDE x SIDE x 3.
        truths: of each.
    """

    pictures: NDArray[np.uint8]
    truths: list[tuple[Truth, ...]]


def drawn(first: int, count: int, *, busy: bool = False) -> Drawn:
    """Draw scenes of several shapes.

    Args:
        first: seed of the first.
        count: how many, each with the next seed.
        busy: see `Round`.
    """
    pictures = np.empty((count, SIDE, SIDE, 3), np.uint8)
    truths: list[tuple[Truth, ...]] = []
    for number in range(count):
        around = BUSY if busy and number // len(_SIZES) % 2 else LEARNED
        one = scene(first + number, *_SIZES[(first + number) % len(_SIZES)], around)
        pictures[number] = reduced(one.picture, SIDE)
        truths.append(one.truths)
    return Drawn(pictures, truths)


def reduced(picture: Picture, side: int) -> Picture:
    """Squeeze a picture to a square: each pixel is the mean of what lies under it."""
    rows, columns = (_shares(length, side) for length in picture.shape[:2])
    squeezed = np.tensordot(np.tensordot(rows, picture.astype(np.float32), 1), columns, (1, 1))
    small: Picture = np.clip(np.rint(squeezed.transpose(0, 2, 1)), 0, 255).astype(np.uint8)
    return small


def _shares(length: int, side: int) -> NDArray[np.float32]:
    """Give how much each of `side` pixels has of each of `length` pixels."""
    edges = np.arange(side + 1) * (length / side)
    starts = np.arange(length)
    over = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    shares: NDArray[np.float32] = (np.maximum(over, 0.0) * side / length).astype(np.float32)
    return shares


def taught(tf: Any, model: Any, scenes: Drawn, part: Round, seed: int) -> None:
    """Teach a network scenes, as they are and mirrored.

    Args:
        tf: the module.
        model: the network; is changed.
        scenes: to learn from.
        part: how.
        seed: of the order and the mirroring.
    """
    epochs, steps = part.epochs, len(scenes.truths) // _BATCH
    batches = tf.data.Dataset.from_generator(
        partial(_batches, scenes, epochs, seed),
        output_signature=(
            tf.TensorSpec((_BATCH, SIDE, SIDE, 3), tf.float32),
            tf.TensorSpec((_BATCH, CELLS, CELLS, 6 * len(LABELS)), tf.float32),
        ),
    )
    paces = tf.keras.optimizers.schedules.CosineDecay(
        1e-4, epochs * steps, warmup_target=part.pace, warmup_steps=epochs * steps // 20
    )
    model.compile(
        optimizer=tf.keras.optimizers.AdamW(paces, weight_decay=1e-4),
        loss=partial(loss, tf),
    )
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=2)


def _batches(scenes: Drawn, epochs: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Give pictures and how to answer them, each scene once an epoch."""
    draw = np.random.default_rng(seed)
    count = len(scenes.truths)
    for _ in range(epochs):
        order = draw.permutation(count)
        for start in range(0, count - _BATCH + 1, _BATCH):
            taken: NDArray[np.int64] = order[start : start + _BATCH]
            pictures = scenes.pictures[taken].astype(np.float32)
            truths: list[tuple[Truth, ...]] = [scenes.truths[number] for number in taken]
            for place in np.flatnonzero(draw.random(_BATCH) < 0.5).tolist():
                pictures[place] = pictures[place, :, ::-1]
                truths[place] = mirrored(truths[place])
            pictures *= draw.uniform(0.85, 1.15, (_BATCH, 1, 1, 1)).astype(np.float32)
            yield np.clip(pictures, 0.0, 255.0), np.stack([_flat(truth) for truth in truths])


def mirrored(truths: Sequence[Truth]) -> tuple[Truth, ...]:
    """Give what is in a scene that is seen in a mirror: left is right."""
    return tuple(
        Truth(
            one.label, one.extent._replace(x_min=1 - one.extent.x_max, x_max=1 - one.extent.x_min)
        )
        for one in truths
    )


def _flat(truths: Sequence[Truth]) -> NDArray[np.float32]:
    answer = targets(truths)
    boxes = answer.boxes.reshape(CELLS, CELLS, -1)
    return np.concatenate([answer.peaks, boxes, answer.weights], axis=-1)


def judged(model: Any, scenes: Drawn) -> dict[str, Tally]:
    """Tally what a network finds in scenes, by label."""
    count = len(LABELS)
    given = np.asarray(model.predict(scenes.pictures.astype(np.float32), _BATCH, verbose=0))
    boxes = given[..., count:].reshape(*given.shape[:3], count, 4)
    found = (finds(peaks, box) for peaks, box in zip(given[..., :count], boxes, strict=True))
    return tallied(zip(found, scenes.truths, strict=True))


def make(
    folder: Path,
    *,
    rounds: Sequence[Round] = _ROUNDS,
    choosing: int = 600,
    seed: int = SEED,
) -> str:
    """Make the model and write its three files.

    Args:
        folder: to write into.
        rounds: one after another.
        choosing: scenes to say by how sure is sure enough: where precision and recall are best
            together, the scores are shifted to one half. Integers are sized by them as well.
        seed: of everything.

    Returns:
        The SHA-256 of the model.
    """
    tf = importlib.import_module("tensorflow")  # Takes seconds, and is an extra.
    tf.config.threading.set_intra_op_parallelism_threads(1)  # Sums depend on how they are split.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.keras.backend.clear_session()  # Else layers are numbered on, and their names are written.
    tf.keras.utils.set_random_seed(seed)
    model = network(tf)
    first = seed
    for number, part in enumerate(rounds):
        taught(tf, model, drawn(first, part.scenes, busy=part.busy), part, seed + number)
        first += part.scenes
    chosen = drawn(CHOOSING, choosing)
    tallies = judged(model, chosen)
    least = [tallies[label].best_score() for label in LABELS]
    shifted(model, np.clip(np.array(least, np.float32), 0.1, 0.9))
    content = quantised(tf, model, chosen.pictures[:_CALIBRATION])
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{_NAME}.tflite").write_bytes(content)
    (folder / f"{_NAME}.labels.txt").write_text("\n".join(LABELS) + "\n", encoding="ascii")
    (folder / f"{_NAME}.sha256").write_text(f"{digest}  {_NAME}.tflite\n", encoding="ascii")
    return digest


def main() -> None:
    """Read the arguments, make the model, and say its size and hash."""
    parser = argparse.ArgumentParser(description="Make the bundled detector anew.")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    digest = make(given.folder)
    size = (given.folder / f"{_NAME}.tflite").stat().st_size
    print(f"{_NAME}.tflite: {size:,} bytes, sha256 {digest}; {CELLS} x {CELLS} cells")


if __name__ == "__main__":
    main()
