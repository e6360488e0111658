"""What a maintainer may set by environment variables, checked when the server starts."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from interface.server.uploads import KEPT_SECONDS
from skin_model.command_line import installing_package
from skin_model.wording import languages

_HERE = "127.0.0.1"


class SettingsError(ValueError):
    """An environment variable holds something unusable; the text names it and says how to mend it."""


@dataclass(frozen=True)
class Settings:
    """Settings of one server.

    checkpoint: a folder or ``owner/name@revision`` (None: the embedded one). mistakes: gallery folder or Hub data set
    (None: the one in ``examples/mistakes``). language: served at the root whatever the browser asks for (None: the
    browser's). concurrency: photos scored at the same time. queue: visitors that may wait. batch_photos: photos in one
    batch. keep_seconds: how long a photo may stay on this server. mcp: whether the endpoints are offered to programs
    through the Model Context Protocol too. port: listened on (None: the first free one from 7860).
    """

    checkpoint: str | None = None
    mistakes: str | None = None
    language: str | None = None
    concurrency: int = 2
    queue: int = 64
    batch_photos: int = 200
    keep_seconds: int = KEPT_SECONDS
    mcp: bool = False
    port: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read SKIN_CHECKPOINT, SKIN_MISTAKES, SKIN_LANGUAGE, SKIN_CONCURRENCY, SKIN_QUEUE, SKIN_BATCH_PHOTOS,
        SKIN_KEEP_SECONDS, SKIN_MCP and GRADIO_SERVER_PORT.

        An empty variable counts as unset. Raises SettingsError.
        """
        language = (environment.get("SKIN_LANGUAGE") or "").lower() or None
        if language is not None and language not in languages():
            raise SettingsError(
                f"SKIN_LANGUAGE is '{language}', but there are only these languages: {', '.join(languages())}. "
                "Set it to one of them, or unset it to follow the browser."
            )
        # Gradio's own, which it would not understand without a word of ours.
        port = _whole(environment, "GRADIO_SERVER_PORT", 7860, 1, 65_535)
        _own_address(environment)
        chosen = bool(environment.get("GRADIO_SERVER_PORT"))
        if chosen:
            _listen(environment.get("GRADIO_SERVER_NAME") or _HERE, port)
        return cls(
            checkpoint=environment.get("SKIN_CHECKPOINT") or None,
            mistakes=environment.get("SKIN_MISTAKES") or None,
            language=language,
            concurrency=_whole(environment, "SKIN_CONCURRENCY", cls.concurrency, 1, 64),
            queue=_whole(environment, "SKIN_QUEUE", cls.queue, 1, 10_000),
            batch_photos=_whole(environment, "SKIN_BATCH_PHOTOS", cls.batch_photos, 1, 5_000),
            keep_seconds=_whole(environment, "SKIN_KEEP_SECONDS", cls.keep_seconds, 10, KEPT_SECONDS),
            mcp=_context_protocol(environment),
            port=port if chosen else None,
        )


def _whole(environment: Mapping[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = environment.get(name) or str(usual)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SettingsError(f"{name} is '{text}'. Set it to a whole number from {least} to {most}, or unset it.")
    return int(text)


def _own_address(environment: Mapping[str, str]) -> None:
    name = environment.get("GRADIO_SERVER_NAME")
    if not name:
        return
    try:
        with socket.socket() as tried:
            tried.bind((name, 0))
    except (OSError, UnicodeError):
        raise SettingsError(
            f"GRADIO_SERVER_NAME is '{name}', which is no address of this computer. Set it to 127.0.0.1 for this "
            "computer alone or to 0.0.0.0 for all that reach it, or unset it."
        ) from None


def _listen(address: str, port: int) -> None:
    """Try a port that somebody chose: Gradio would take another one without a word where it is in use."""
    for name in {address, _HERE}:  # which Gradio tries whatever the address
        with socket.socket() as tried:
            if os.name != "nt":  # where it would take the port from the program that has it
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((name, port))
            except OSError as problem:
                why = "is in use" if problem.errno == errno.EADDRINUSE else f"cannot be had ({problem.strerror})"
                raise SettingsError(
                    f"Port {port} {why}. Set GRADIO_SERVER_PORT to another one, or unset it to take the first free one "
                    "from 7860."
                ) from None


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = (environment.get(name) or "0").lower()
    if text not in ("0", "1", "false", "true"):
        raise SettingsError(f"{name} is '{text}'. Set it to 1 or 0, or unset it.")
    return text in ("1", "true")


def _context_protocol(environment: Mapping[str, str]) -> bool:
    wanted = _switch(environment, "SKIN_MCP")
    if wanted and find_spec("mcp") is None:
        raise SettingsError(
            "SKIN_MCP is on, but the package mcp is missing. Unset it, or install what it needs with: "
            f"{installing_package(f'gradio[mcp]{_installed_gradio()}')}"
        )
    return wanted


def _installed_gradio() -> str:
    """ "==" and the version that is here, which shall stay the pinned one."""
    try:
        return f"=={version('gradio')}"
    except PackageNotFoundError:
        return ""
