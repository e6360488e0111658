"""Photographs of a gallery's cases over HTTP, one by one as they come into sight: ``./mistakes/photo/ID?side=320``,
with ``&again`` once more from an archive that was silent.

They come from the gallery's folder or, by their id, from the ISIC Archive; only ids of the gallery are asked for, a few
at a time, and nothing of them is written to a disk.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import cv2
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from interface.gallery.gallery import Case, Gallery, Neighbour
from skin_model.photo import PhotoRefused, open_photo

PLACE = "/mistakes/photo/"
SIDES = {"320": 320, "1000": 1000}
"""Longest sides in pixels that can be asked for; the larger one is made from the full photograph."""
AT_A_TIME, MOST_WAITING = 10, 200
KEPT_SECONDS = 3600
"""How long a browser may keep a photograph, so that coming back to the gallery fetches nothing."""


def address(image_id: str, side: int = 320) -> str:
    """Where a page of this server finds the photograph."""
    return f".{PLACE}{quote(image_id, safe='')}?side={side}"


class Photographs:
    """Answers for one gallery."""

    def __init__(self, gallery: Gallery) -> None:
        self.gallery = gallery
        # Of its own: an archive that keeps one waiting must not hold up those who check a photo.
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="photographs")
        self._waiting = 0

    async def answer(self, request: Request) -> Response:
        """The photograph as JPEG; 404 where there is none, 503 where the archive does not answer or too many wait."""
        shown = self.gallery.shown(request.path_params["image_id"])
        side = SIDES.get(request.query_params.get("side", "320"))
        if shown is None or side is None or not self.gallery.has_picture(shown):
            return _nothing(404)
        if self._waiting >= MOST_WAITING:
            return _nothing(503)
        if "again" in request.query_params:
            self.gallery.archive.try_again()
        self._waiting += 1
        try:
            content = await asyncio.get_running_loop().run_in_executor(self._threads, self._jpeg, shown, side)
        finally:
            self._waiting -= 1
        if content is None:
            isic_id = shown.isic_id
            return _nothing(503 if isic_id and not self.gallery.archive.lacks(isic_id) else 404)
        kept = {"Cache-Control": f"private, max-age={KEPT_SECONDS}"}
        return Response(content, media_type="image/jpeg", headers=kept)

    def _jpeg(self, shown: Case | Neighbour, side: int) -> bytes | None:
        picture = None
        if side > min(SIDES.values()):
            picture = self.gallery.picture(shown)
        picture = picture or self.gallery.picture(shown, full=False)
        if picture is None:
            return None
        try:
            rgb = open_photo(picture).rgb  # a gallery from the Hub is as untrusted as an upload
        except PhotoRefused:
            return None
        factor = side / max(rgb.shape[:2])
        if factor < 1:
            rgb = cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        return cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()


def mount(app: FastAPI, gallery: Gallery) -> None:
    """Serve the gallery's photographs under PLACE."""
    app.router.routes.insert(0, Route(PLACE + "{image_id}", Photographs(gallery).answer, methods=["GET"]))


def _nothing(status: int) -> Response:
    return Response(status_code=status, headers={"Cache-Control": "no-store"})
