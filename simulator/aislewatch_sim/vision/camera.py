"""A camera's twin on the network: JPEG pictures over HTTP, one after another, to whoever asks.

Written by hand from what cameras send (``multipart/x-mixed-replace``), so that each byte can be
damaged on its way. A picture's part is one frame of the fault menu.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import Final

import cv2

from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.pictures.canvas import Picture
from aislewatch_sim.ports import Link
from aislewatch_sim.vision.acts import Act
from aislewatch_sim.vision.stage import Stage

BOUNDARY: Final = "frame"
_HEAD_BYTES_MOST: Final = 8_192
_REALM: Final = "camera"


def jpeg(picture: Picture, quality: int) -> bytes:
    """Give a picture as JPEG; quality 0 to 100."""
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    fine, data = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert fine
    return bytes(data)


def part(data: bytes) -> bytes:
    """Give a picture as one part of the stream."""
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data + b"\r\n"


class Camera:
    """See the module; give :meth:`serve` to a port, and have :meth:`play` run beside it.

    Args:
        stage: what it looks at.
        faults: what happens to each picture on its way out.
        fps: pictures a second.
        quality: of its JPEG pictures.
        login: ``user:password`` that it asks for (Basic); empty where it lets everybody in.

    Attributes:
        stage: the same; whoever changes it changes what is seen.
        taken: how many pictures were taken.
    """

    def __init__(
        self,
        stage: Stage,
        faults: Faults,
        fps: float = 10.0,
        quality: int = 70,
        login: str = "",
    ) -> None:
        self.stage = stage
        self.taken = 0
        self._faults = faults
        self._pause_s = 1.0 / fps
        self._quality = quality
        self._login = login
        self._links: list[Link] = []
        self._acts: list[tuple[Act, asyncio.Event]] = []

    async def serve(self, link: Link) -> None:
        """Answer one request with pictures, until the line is gone."""
        request = await _head(link)
        self._faults.heard(request)
        if not request.startswith(b"GET "):
            await link.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return
        if not self._lets_in(request):
            challenge = f'WWW-Authenticate: Basic realm="{_REALM}"\r\nContent-Length: 0\r\n'
            await link.write(f"HTTP/1.1 401 Unauthorized\r\n{challenge}\r\n".encode())
            return
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {kind}\r\n\r\n"
        await link.write(head.encode())
        self._links.append(link)
        try:
            while await link.read():
                pass
        finally:
            self._links.remove(link)

    async def play(self) -> None:
        """Take pictures and send them, until cancelled; acts go on by a step for each."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            self.step()
            if self._links:
                acts = self._faults.sent(part(jpeg(self.stage.picture(), self._quality)))
                for link in list(self._links):
                    with contextlib.suppress(OSError):
                        await perform(acts, link)
            self.taken += 1
            due_s = max(due_s + self._pause_s, loop.time())
            await asyncio.sleep(due_s - loop.time())

    def step(self) -> None:
        """Have what is going on go on by one picture."""
        for act, over in list(self._acts):
            if next(act, over) is over:
                self._acts.remove((act, over))
                over.set()

    def begin(self, act: Act) -> asyncio.Event:
        """Have something done before the camera; the event is set once it is over."""
        over = asyncio.Event()
        self._acts.append((act, over))
        return over

    def _lets_in(self, request: bytes) -> bool:
        wanted = b"basic " + base64.b64encode(self._login.encode())
        lines = [line.strip() for line in request.split(b"\r\n")]
        given = [line for line in lines if line.lower().startswith(b"authorization:")]
        return not self._login or any(
            line.partition(b":")[2].strip().lower().startswith(b"basic ")
            and line.partition(b":")[2].strip()[6:] == wanted[6:]
            for line in given
        )


async def _head(link: Link) -> bytes:
    """Give a request's head; what comes behind it does not matter."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES_MOST:
        more = await link.read()
        if not more:
            break
        head += more
    return head
