"""A scale's twin on the command line; see ``aislewatch sim device scale --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from random import Random

from aislewatch_sim import byhand
from aislewatch_sim.ports import Port, Serve
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import SEVEN_BITS, VOICES, ScaleTwin


def main(arguments: Sequence[str], *, prog: str) -> int:
    """A scale at a checkout or a shelf, in any of the usual protocols."""
    parser = argparse.ArgumentParser(prog=prog, description=main.__doc__)
    parser.add_argument("--protocol", choices=sorted(VOICES), default="mt-sics")
    byhand.add_options(parser)
    parser.add_argument(
        "--rfc2217",
        metavar="HOST:PORT",
        help="an RFC 2217 server instead, which knows how the line must be set",
    )
    parser.add_argument("--load", metavar="G", type=float, default=0.0, help="lies on it at first")
    parser.add_argument("--step", metavar="G", type=float, default=1.0, help="smallest difference")
    parser.add_argument("--noise", metavar="G", type=float, default=0.0, help="standard deviation")
    parser.add_argument("--drift", metavar="G/H", type=float, default=0.0, help="of its zero")
    given = parser.parse_args(arguments)
    if given.step <= 0:
        parser.error("--step must be more than nothing")
    dice = Random(given.seed)
    build = Build(
        step_mg=max(1, round(given.step * 1000)),
        noise_mg=given.noise * 1000,
        drift_mg_per_h=given.drift * 1000,
    )
    pan = Pan(build, dice)
    pan.put(time.monotonic() - 60, given.load * 1000)
    faults = byhand.faults_of(given, dice)
    twin = ScaleTwin(pan, given.protocol, faults)
    try:
        port = _port(given, twin.serve)
    except ValueError as error:
        parser.error(str(error))
    orders = _orders(pan)
    return byhand.run(port, faults, orders, kind=f"scale ({given.protocol})", as_json=given.json)


def _port(given: argparse.Namespace, serve: Serve) -> Port:
    if given.rfc2217 is None:
        return byhand.port_of(given, serve)
    try:
        from aislewatch_sim.rfc2217 import Line, Rfc2217Port  # noqa: PLC0415 - needs pyserial
    except ImportError:
        sys.stderr.write("an RFC 2217 server needs pyserial: install aislewatch[serial]\n")
        raise SystemExit(byhand.COULD_NOT_RUN) from None
    line = Line(bits=7, parity="E") if given.protocol in SEVEN_BITS else Line()
    return Rfc2217Port(serve, *byhand.address(given.rfc2217), line=line)


def _orders(pan: Pan) -> dict[str, byhand.Order]:
    def put(words: Sequence[str]) -> str:
        pan.put(time.monotonic(), 1000 * _number(words, "G"))
        return _lies(pan)

    def load(words: Sequence[str]) -> str:
        pan.put(time.monotonic(), 1000 * _number(words, "G") - pan.lies_mg)
        return _lies(pan)

    def touch(words: Sequence[str]) -> str:
        lasts_s = _number(words[1:], "S") if len(words) > 1 else 2.0
        pan.touch(time.monotonic(), 1000 * _number(words, "G"), lasts_s)
        return f"a hand rests on it for {lasts_s:g} s"

    orders: dict[str, tuple[str, Callable[[Sequence[str]], str]]] = {
        "put": ("put G: put so many grams down; with a minus, take them up", put),
        "load": ("load G: have so many grams lie on it", load),
        "touch": ("touch G [S]: rest a hand on it", touch),
    }
    return {name: byhand.Order(*order) for name, order in orders.items()}


def _number(words: Sequence[str], what: str) -> float:
    try:
        return float(words[0])
    except (IndexError, ValueError):
        message = f"say a figure: {what}"
        raise ValueError(message) from None


def _lies(pan: Pan) -> str:
    return f"{pan.lies_mg / 1000:g} g lie on it"
