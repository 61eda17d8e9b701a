"""The actor in which a life is run by Ray. Imported only once Ray's environment is set."""

from __future__ import annotations

from typing import Any

import msgspec

from aislewatch.runtime.device import DeviceSpec
from aislewatch.runtime.engine_life import EngineSpec
from aislewatch.runtime.ray_setup import import_ray

CONTROL = "control"

ray: Any = import_ray()


class LifeActor:
    """One life in a process of its own. Everything crosses as JSON.

    ``status`` and ``stop`` have a thread and an event loop of their own, so that they answer while
    the life's loop is busy or stuck.

    Args:
        spec: what the life is made from.
    """

    def __init__(self, spec: bytes) -> None:
        self._life = msgspec.json.decode(spec, type=DeviceSpec | EngineSpec).make()

    async def run(self) -> bytes:
        """Live; gives the outcome."""
        return msgspec.json.encode(await self._life.run())

    @ray.method(concurrency_group=CONTROL)  # type: ignore[untyped-decorator]
    async def status(self) -> bytes:
        """Say how the life is doing."""
        return msgspec.json.encode(self._life.status())

    @ray.method(concurrency_group=CONTROL)  # type: ignore[untyped-decorator]
    async def diagnostics(self) -> bytes:
        """Give what helps to find a fault, as JSON."""
        return msgspec.json.encode(await self._life.diagnostics())

    @ray.method(concurrency_group=CONTROL)  # type: ignore[untyped-decorator]
    async def stop(self) -> None:
        """Ask the life to end."""
        self._life.ask_to_stop()


# No CPUs of its own: Ray would silently let the ninth actor of an eight-core machine wait for ever.
# No restarts: Ray's come every 0.35 s without end; the supervisor is the one who decides.
Actor: Any = ray.remote(
    num_cpus=0, max_restarts=0, max_task_retries=0, concurrency_groups={CONTROL: 1}
)(LifeActor)
