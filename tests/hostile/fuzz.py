"""python -m tests.hostile.fuzz --seconds 60: atheris changes good files and opens them, guided by what the code does.

Stops with the file that made ``open_photo`` fail otherwise than by a refusal, or too slow. Only Python code guides it:
the decoders are not instrumented, but what they do to the process counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["skin_model.photo.opening", "skin_model.photo.decoding", "skin_model.photo.webp", "skin_model.photo.heif"]
):
    from skin_model.photo import Photo, PhotoRefused, open_photo

from tests.hostile.corpus import cases, complete


def open_one(data: bytes) -> None:
    """One run: anything but a photo or a refusal ends the search."""
    try:
        photo = open_photo(data)
    except PhotoRefused:
        return
    assert isinstance(photo, Photo)
    assert photo.rgb.ndim == 3 and photo.rgb.shape[2] == 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long to search")
    parser.add_argument("--findings", type=Path, default=Path(), help="folder for the file that was found")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate([*complete().values(), *(c.build() for c in cases() if is_seed(c.name))]):
            (Path(folder) / str(number)).write_bytes(data)
        options = [
            f"-max_total_time={asked.seconds}",
            "-max_len=20000",
            "-timeout=10",
            "-rss_limit_mb=2000",
            f"-artifact_prefix={asked.findings}/",
            "-print_final_stats=1",
            "-verbosity=1",
            "-reload=0",
        ]
        atheris.Setup([sys.argv[0], *options, folder], open_one)
        atheris.Fuzz()


def is_seed(name: str) -> bool:
    """The small cases whose structure is worth changing."""
    return name.startswith(("modes/", "heif/box", "heif/called", "frames/webp-smaller", "frames/heic"))


if __name__ == "__main__":
    main()
