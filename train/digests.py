"""SHA-256, by which splits, photographs, weights and whatever is kept of them are told apart."""

import hashlib
from pathlib import Path


def sha256(content: bytes | str) -> str:
    """64 hexadecimal digits, of bytes or of text as UTF-8."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def file_sha256(file: Path) -> str:
    """Of a whole file."""
    return sha256(file.read_bytes())


def cache_key(content: bytes | str) -> str:
    """16 hexadecimal digits, which name what is kept by everything that it depends on."""
    return sha256(content)[:16]
