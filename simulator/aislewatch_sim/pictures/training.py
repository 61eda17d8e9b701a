"""``python -m aislewatch_sim.pictures.training FOLDER``: makes the bundled detector anew.

Writes ``scenes.tflite``, ``scenes.labels.txt`` and ``scenes.sha256`` there. Everything is drawn and
learned from one seed. TensorFlow gives the same bytes again for the same version on the same kind
of processor, and may give others elsewhere; that is why the model is shipped and not made at
installation. Needs the extra ``train``, some 4 GB of memory and half an hour of two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.canvas import Picture
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import scene
from aislewatch_sim.pictures.targets import CELLS, SIDE, targets

SEED: Final = 20_251
HELD_OUT: Final = 1_000_000_000
"""Seeds from here on are never learned from."""

_BATCH: Final = 32
_CALIBRATION: Final = 200
_SIZES: Final = ((128, 128), (144, 192), (144, 256), (192, 256))
"""Heights and widths that scenes are drawn in."""
_NAME: Final = "scenes"


def drawn(first: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Draw scenes of several shapes, squeezed to the model's square, and how to answer them.

    Args:
        first: seed of the first.
        count: how many, each with the next seed.
    """
    scenes = [scene(seed, *_SIZES[seed % len(_SIZES)]) for seed in range(first, first + count)]
    pictures = np.stack([reduced(one.picture, SIDE) for one in scenes])
    return pictures, np.stack([targets(one.truths) for one in scenes])


def reduced(picture: Picture, side: int) -> Picture:
    """Squeeze a picture to a smaller square: each pixel is the mean of what lies under it."""
    height, width = picture.shape[:2]
    rows, columns = _shares(height, side), _shares(width, side)
    squeezed = np.einsum("ay,yxc,bx->abc", rows, picture.astype(np.float32), columns, optimize=True)
    small: Picture = np.clip(np.rint(squeezed), 0, 255).astype(np.uint8)
    return small


def _shares(length: int, side: int) -> NDArray[np.float32]:
    """Give how much each of `side` pixels has of each of `length` pixels."""
    edges = np.arange(side + 1) * (length / side)
    starts = np.arange(length)
    over = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    shares: NDArray[np.float32] = (np.maximum(over, 0.0) * side / length).astype(np.float32)
    return shares


def network(tf: Any) -> Any:
    """Build the network: narrow separable convolutions that an Edge TPU can compute as well.

    Two outputs, both 0 to 1: CELLS x CELLS x labels, and CELLS x CELLS x 4; see `targets`.
    """
    layers = tf.keras.layers

    def normed(x: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization()(x))

    def separable(x: Any, filters: int, stride: int = 1) -> Any:
        x = normed(layers.DepthwiseConv2D(3, stride, "same", use_bias=False)(x))
        return normed(layers.Conv2D(filters, 1, use_bias=False)(x))

    def again(x: Any, filters: int) -> Any:
        return layers.Add()([x, separable(x, filters)])

    seen = layers.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(seen)
    x = normed(layers.Conv2D(16, 3, 2, "same", use_bias=False)(x))
    x = again(separable(x, 32, 2), 32)
    near = again(again(separable(x, 64, 2), 64), 64)
    far = again(again(separable(near, 128, 2), 128), 128)
    far = again(separable(far, 160, 2), 160)
    for filters in (128, 64):
        larger = layers.UpSampling2D(2, interpolation="bilinear")
        far = larger(normed(layers.Conv2D(filters, 1, use_bias=False)(far)))
    x = again(again(layers.Add()([near, far]), 64), 64)
    rare = tf.keras.initializers.Constant(-3.5)
    peaks = layers.Conv2D(len(LABELS), 1, activation="sigmoid", bias_initializer=rare)(
        separable(x, 64)
    )
    boxes = layers.Conv2D(4, 1, activation="sigmoid")(separable(x, 64))
    return tf.keras.Model(seen, layers.Concatenate()([peaks, boxes]))


def loss(tf: Any, wanted: Any, given: Any) -> Any:
    """Give the error of a batch: focal at the peaks, absolute at the boxes."""
    count = len(LABELS)
    bumps, peaks = wanted[..., :count], tf.clip_by_value(given[..., :count], 1e-4, 1 - 1e-4)
    there = tf.cast(bumps > 0.999, tf.float32)
    hit = there * (1 - peaks) ** 2 * tf.math.log(peaks)
    miss = (1 - there) * (1 - bumps) ** 4 * peaks**2 * tf.math.log(1 - peaks)
    stands = wanted[..., count + 4 :]
    off = stands * tf.abs(wanted[..., count : count + 4] - given[..., count:])
    many = tf.reduce_sum(stands) + 1.0
    return (4.0 * tf.reduce_sum(off) - tf.reduce_sum(hit + miss)) / many


def trained(tf: Any, *, count: int, epochs: int, seed: int) -> tuple[Any, NDArray[np.uint8]]:
    """Teach a network, and give it with pictures to size its integers by.

    Args:
        tf: the module.
        count: scenes to learn from; each is also learned mirrored.
        epochs: how often.
        seed: of the weights, the order and the scenes.
    """
    tf.keras.backend.clear_session()  # Else layers are numbered on, and their names are written.
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    pictures, wanted = drawn(seed, count)

    def mirrored(picture: Any, answer: Any) -> Any:
        turned = tf.reverse(answer, [1])
        place = len(LABELS)
        across = (1.0 - turned[..., place : place + 1]) * turned[..., -1:]
        flipped = tf.concat([turned[..., :place], across, turned[..., place + 1 :]], -1)
        return tf.reverse(picture, [1]), flipped

    def as_numbers(picture: Any, answer: Any) -> Any:
        return tf.cast(picture, tf.float32), answer

    plain = tf.data.Dataset.from_tensor_slices((pictures, wanted))
    both = plain.shuffle(count, seed=seed).concatenate(
        plain.map(mirrored).shuffle(count, seed=seed)
    )
    batches = both.shuffle(4_000, seed=seed).batch(_BATCH, drop_remainder=True).map(as_numbers)
    steps = epochs * (2 * count // _BATCH)
    pace = tf.keras.optimizers.schedules.CosineDecay(
        1e-4, steps, warmup_target=3e-3, warmup_steps=steps // 20
    )
    model = network(tf)
    model.compile(
        optimizer=tf.keras.optimizers.AdamW(pace, weight_decay=1e-4),
        loss=partial(loss, tf),
    )
    model.fit(batches.prefetch(2), epochs=epochs, verbose=2)
    return model, pictures[:_CALIBRATION]


def quantised(tf: Any, model: Any, pictures: NDArray[np.uint8]) -> bytes:
    """Give the network as a TFLite model of 8-bit integers, with 8-bit input and outputs."""
    joined = model.outputs[0]._keras_history.operation.input  # The two that were put together.
    both = tf.keras.Model(model.inputs, {"peaks": joined[0], "boxes": joined[1]})
    single = tf.keras.Input(batch_shape=(1, SIDE, SIDE, 3))  # A fixed shape needs no arithmetic.
    converter = tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(single, both(single)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [picture[None].astype(np.float32)] for picture in pictures
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def make(folder: Path, *, count: int, epochs: int, seed: int = SEED) -> str:
    """Make the model and write its three files.

    Args:
        folder: to write into.
        count: scenes to learn from.
        epochs: how often.
        seed: of everything.

    Returns:
        The SHA-256 of the model.
    """
    tf = importlib.import_module("tensorflow")  # Takes seconds, and is an extra.
    model = quantised(tf, *trained(tf, count=count, epochs=epochs, seed=seed))
    digest = hashlib.sha256(model).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{_NAME}.tflite").write_bytes(model)
    (folder / f"{_NAME}.labels.txt").write_text("\n".join(LABELS) + "\n", encoding="ascii")
    (folder / f"{_NAME}.sha256").write_text(f"{digest}  {_NAME}.tflite\n", encoding="ascii")
    return digest


def main() -> None:
    """Read the arguments, make the model, and say its size and hash."""
    parser = argparse.ArgumentParser(description="Make the bundled detector anew.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scenes", type=int, default=6_000, help="to learn from")
    parser.add_argument("--epochs", type=int, default=16)
    given = parser.parse_args()
    digest = make(given.folder, count=given.scenes, epochs=given.epochs)
    size = (given.folder / f"{_NAME}.tflite").stat().st_size
    print(f"{_NAME}.tflite: {size:,} bytes, sha256 {digest}; {CELLS} x {CELLS} cells")


if __name__ == "__main__":
    main()
