"""The bundled detector's network, what it learns by, and its integers; needs the extra `train`.

Plain narrow convolutions down to 5 x 5 cells and back up to `targets.CELLS`: operations that an
Edge TPU can compute as well, and none else. The module of TensorFlow is an argument: it takes
seconds to load, and is an extra.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.targets import SIDE

PEAKS: Final = "peaks"
"""Name of the layer before the scores are squeezed to 0 to 1."""

_PLACE: Final = 4.0
"""How much an error of a box's place counts, against that of the peaks."""

_SIZE: Final = 8.0
"""How much an error of its size counts."""


def network(tf: Any) -> Any:
    """Build the network.

    Its one output is CELLS x CELLS x (labels + 4 for each label), 0 to 1; see `targets.Answer`.
    """
    layers = tf.keras.layers

    def normed(x: Any) -> Any:
        return layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.97)(x))

    def full(x: Any, filters: int, stride: int = 1) -> Any:
        return normed(layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x))

    def narrow(x: Any, filters: int) -> Any:
        return normed(layers.Conv2D(filters, 1, use_bias=False)(x))

    def separable(x: Any, filters: int) -> Any:
        return narrow(normed(layers.DepthwiseConv2D(3, 1, "same", use_bias=False)(x)), filters)

    def again(x: Any) -> Any:
        return layers.Add()([x, full(x, x.shape[-1])])

    def wider(x: Any, beside: Any) -> Any:
        larger = layers.UpSampling2D(2, interpolation="bilinear")
        return layers.Add()([beside, larger(narrow(x, beside.shape[-1]))])

    seen = layers.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 127.5, -1.0)(seen)
    fine = again(full(full(x, 16, 2), 32, 2))
    near = again(again(full(fine, 64, 2)))
    far = again(again(full(near, 96, 2)))
    whole = separable(separable(layers.MaxPooling2D(2)(far), 96), 96)
    x = wider(separable(wider(whole, far), 96), near)
    x = again(wider(separable(x, 64), fine))
    rare = tf.keras.initializers.Constant(-4.0)
    scores = layers.Conv2D(len(LABELS), 1, bias_initializer=rare, name=PEAKS)(separable(x, 48))
    boxes = layers.Conv2D(4 * len(LABELS), 1, activation="sigmoid")(separable(x, 32))
    return tf.keras.Model(seen, layers.Concatenate()([layers.Activation("sigmoid")(scores), boxes]))


def loss(tf: Any, wanted: Any, given: Any) -> Any:
    """Give the error of a batch: focal at the peaks, absolute at the boxes.

    Args:
        tf: the module.
        wanted: peaks, boxes and weights of `targets.Answer`, one behind the other.
        given: of the network.
    """
    count = len(LABELS)
    bumps, peaks = wanted[..., :count], tf.clip_by_value(given[..., :count], 1e-4, 1 - 1e-4)
    there = tf.cast(bumps > 0.999, tf.float32)
    hit = there * (1 - peaks) ** 2 * tf.math.log(peaks)
    miss = (1 - there) * (1 - bumps) ** 4 * peaks**2 * tf.math.log(1 - peaks)
    weights = tf.repeat(wanted[..., 5 * count :], 4, axis=-1)
    each = tf.constant([_PLACE, _PLACE, _SIZE, _SIZE] * count)
    off = weights * each * tf.abs(wanted[..., count : 5 * count] - given[..., count:])
    return (tf.reduce_sum(off) - tf.reduce_sum(hit + miss)) / (tf.reduce_sum(there) + 1.0)


def shifted(model: Any, least: NDArray[np.float32]) -> None:
    """Shift a network's scores so that one half stands where another score stood.

    Args:
        model: is changed.
        least: by label, the score that is to be one half, above 0 and below 1.
    """
    layer = model.get_layer(PEAKS)
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias - np.log(least / (1 - least))])


def quantised(tf: Any, model: Any, pictures: NDArray[np.uint8]) -> bytes:
    """Give the network as a TFLite model of 8-bit integers, with 8-bit input and outputs.

    Args:
        tf: the module.
        model: the network.
        pictures: to size its integers by.
    """
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
