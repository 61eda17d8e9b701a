"""The twin of Meraki's dashboard: signs addresses of pictures, which are there some looks later."""

from __future__ import annotations

from typing import Any, Self

from aiohttp import web

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) + b"\xff\xd9"
"""Bytes that begin and end as a JPEG does; nobody looks at them."""


class Dashboard:
    """Within ``async with`` it listens on 127.0.0.1.

    Args:
        api_key: that it lets in.
        looks: so many times a picture is not there yet.

    Attributes:
        asked: what was asked for: serial and body.
        keys: authorization that came with looks at a picture, which need none.
        status: of answers to requests; 202 as the real one.
        picture: what is there in the end.
        answer: in place of a signed address, where set.
    """

    def __init__(self, api_key: str, looks: int = 2) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.keys: list[str | None] = []
        self.status = 202
        self.picture = PICTURE
        self.answer: bytes | None = None
        self.address = ""
        self._api_key = api_key
        self._looks = looks
        self._runner: web.AppRunner | None = None

    async def _generate(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return web.json_response({"errors": ["Invalid API key"]}, status=401)
        self.asked.append((request.match_info["serial"], await request.json()))
        if self.answer is not None:
            return web.Response(body=self.answer, status=self.status)
        url = f"{self.address}/picture.jpg?X-Signature=secret"
        said = {"url": url, "expiry": "Access to the image will expire in one day"}
        return web.json_response(said, status=self.status)

    async def _picture(self, request: web.Request) -> web.Response:
        self.keys.append(request.headers.get("Authorization"))
        if len(self.keys) <= self._looks:
            return web.Response(status=404)
        return web.Response(body=self.picture, content_type="image/jpeg")

    async def __aenter__(self) -> Self:
        app = web.Application()
        path = "/api/v1/devices/{serial}/camera/generateSnapshot"
        app.add_routes([web.post(path, self._generate), web.get("/picture.jpg", self._picture)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
