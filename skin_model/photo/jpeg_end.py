"""JPEGs that lost their end marker and nothing else, as some cameras and interrupted transfers leave them.

Every browser and viewer shows them; Pillow takes them for truncated (python-pillow/Pillow issues 1510 and 4414). One
that lost pixels too would be filled up with grey, so what is missing has to be told from what is not.
"""

import hashlib
import io

from PIL.JpegImagePlugin import JpegImageFile

from skin_model.photo.decoding import ByPillow

END = b"\xff\xd9"
STRIP = 512
"""Rows."""
FILLINGS = [bytes((73 * i + first) % 251 for i in range(64)) for first in (41, 170, 233)]
"""Bits that no picture continues with, each beginning otherwise; no byte is 255, which would begin a marker."""


def with_its_end(data: bytes) -> bytes:
    """A JPEG of one scan, whose end marker is missing, with that marker.

    A decoder ignores what lies between the last pixel and the end marker. So nothing else is missing if further bits
    before the marker change no pixel. Raises ValueError where pixels are missing as well, and whatever Pillow raises
    where it cannot be decoded at all.
    """
    scan = data.rstrip(b"\0")  # a transfer that broke off may have left zeros in the place of the rest
    if scan.endswith(b"\xff"):  # of a stuffed byte (FF 00), or half of the marker
        scan = scan + b"\0" if len(scan) < len(data) else scan[:-1]
    whole = scan + END
    if len({_pixels(whole), *(_pixels(scan + filling + END) for filling in FILLINGS)}) > 1:
        raise ValueError("a JPEG that lacks pixels")
    return whole


def _pixels(data: bytes) -> bytes:
    """A digest of them, taken strip by strip: a large picture lies in memory once."""
    stored, digest = ByPillow(JpegImageFile(io.BytesIO(data))), hashlib.sha256()
    width, height = stored.size
    stored.decode(1)
    for top in range(0, height, STRIP):
        digest.update(stored.part((0, top, width, min(top + STRIP, height))).tobytes())
    return digest.digest()
