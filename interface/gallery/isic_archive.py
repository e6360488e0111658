"""A photograph from the ISIC Archive by its id, kept in this server's memory only; where there is none, None."""

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from typing import Any

from skin_model.photo import PhotoRefused, open_photo

ADDRESS_VARIABLE = "SKIN_ISIC_API"
ADDRESS = "https://api.isic-archive.com/api/v2"
TIMEOUT_SECONDS = 4.0
"""For a connection, for each wait on it, and for everything that one picture takes."""
MAX_BYTES = 20_000_000
KEPT_BYTES = 64_000_000
SILENT_SECONDS, LEAST_SILENT_SECONDS = 30.0, 3.0
"""For how long an archive that could not be reached is not asked again, so that a page without it stays quick; and for
how long not even where a visitor wants to try again."""
MOST_FAILURES = 3
"""Waits in vain and errors of the archive's, one after the other, until it counts as not to be reached: a single slow
photograph says nothing of the others."""
_LACKING = (404, 410)
_SIZES = ("thumbnail_256", "full")


class Archive:
    """Asks an archive that speaks the ISIC Archive's API, version 2; safe to use from several threads."""

    def __init__(self, address: str | None = None) -> None:
        """address: where the API is; by default what SKIN_ISIC_API says, else the ISIC Archive's own."""
        self.address = (address or os.environ.get(ADDRESS_VARIABLE) or ADDRESS).rstrip("/")
        self._schemes = {"https", urllib.parse.urlsplit(self.address).scheme} & {"http", "https"}
        self._opener = _opener(self._schemes)
        self._kept: OrderedDict[tuple[str, bool], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._silent_until = 0.0
        self._failures = 0
        self._lacking: set[str] = set()

    @property
    def answers(self) -> bool:
        """Whether the archive could be reached when it was last asked, or may be asked again by now."""
        with self._lock:
            return time.monotonic() >= self._silent_until

    def try_again(self) -> None:
        """Ask the archive at the next chance, though it was silent: a visitor wants to know."""
        with self._lock:
            if self._silent_until - time.monotonic() <= SILENT_SECONDS - LEAST_SILENT_SECONDS:
                self._silent_until = 0.0

    def lacks(self, isic_id: str) -> bool:
        """Whether the archive, when it was last asked, answered that it has no such photograph, or with none."""
        with self._lock:
            return isic_id in self._lacking

    def picture(self, isic_id: str, *, full: bool = True) -> bytes | None:
        """The photograph as the archive has it, or its thumbnail of 256 pixels; None for every kind of failure.

        Where one size is missing the other one comes. What is not a whole picture counts as a failure too.
        """
        with self._lock:
            if (found := self._kept.get((isic_id, full))) is not None:
                self._kept.move_to_end((isic_id, full))
                return found
            if time.monotonic() < self._silent_until:
                return None
        try:
            found = self._fetch(isic_id, full)
        except urllib.error.HTTPError as problem:
            if problem.code in _LACKING:
                self._answered(isic_id, lacks=True)
            else:
                self._failed()  # the archive's own trouble, or a proxy that lets nobody through
            return None
        except OSError as problem:
            self._failed(unreachable=not _is_timeout(problem))
            return None
        except (http.client.HTTPException, ValueError, PhotoRefused):
            self._answered(isic_id, lacks=True)
            return None
        self._answered(isic_id, lacks=False)
        with self._lock:
            self._kept[isic_id, full] = found
            while sum(map(len, self._kept.values())) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return found

    def _answered(self, isic_id: str, *, lacks: bool) -> None:
        with self._lock:
            self._failures = 0
            (self._lacking.add if lacks else self._lacking.discard)(isic_id)

    def _failed(self, *, unreachable: bool = False) -> None:
        with self._lock:
            self._failures += 1
            if unreachable or self._failures >= MOST_FAILURES:
                self._silent_until = time.monotonic() + SILENT_SECONDS
                self._failures = 0

    def _fetch(self, isic_id: str, full: bool) -> bytes:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        about = json.loads(self._get(f"{self.address}/images/{urllib.parse.quote(isic_id, safe='')}/", deadline))
        content = self._get(_address_of(about, full), deadline)
        open_photo(content)  # the one gate: whatever it refuses is not shown either
        return content

    def _get(self, address: str, deadline: float) -> bytes:
        """The bytes at an address. Raises OSError, HTTPException, or ValueError for more than MAX_BYTES."""
        if urllib.parse.urlsplit(address).scheme not in self._schemes:
            raise ValueError(f"{address} is not an address to ask.")
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        content = bytearray()
        with self._opener.open(urllib.request.Request(address), timeout=left) as answer:
            while piece := answer.read1(1 << 16):
                content += piece
                if len(content) > MAX_BYTES:
                    raise ValueError("The answer is larger than a photograph.")
                if time.monotonic() > deadline:
                    raise TimeoutError
            if answer.length:
                raise ValueError("The answer broke off.")
        return bytes(content)


def _is_timeout(problem: OSError) -> bool:
    reason = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    return isinstance(reason, TimeoutError)


def _address_of(about: Any, full: bool) -> str:
    """The address in the archive's answer ``{"files": {"full": {"url": …}, "thumbnail_256": {"url": …}}}``."""
    files = about.get("files") if isinstance(about, dict) else None
    for size in sorted(_SIZES, key="full".__eq__, reverse=full):
        entry = files.get(size) if isinstance(files, dict) else None
        if isinstance(entry, dict) and isinstance(entry.get("url"), str):
            return entry["url"]
    raise ValueError("The answer names no picture.")


def _opener(schemes: set[str]) -> urllib.request.OpenerDirector:
    """Follows redirections, but never to a file or a scheme that was not asked for."""

    class Redirections(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, request: urllib.request.Request, answer: Any, code: int, message: str, headers: Any, address: str
        ) -> urllib.request.Request | None:
            if urllib.parse.urlsplit(address).scheme not in schemes:
                raise ValueError(f"{address} is not an address to be sent to.")
            return super().redirect_request(request, answer, code, message, headers, address)

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        Redirections(),
    ):
        opener.add_handler(handler)
    return opener
