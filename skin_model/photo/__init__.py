"""The one gate for an untrusted picture. Enter through ``open_photo``: bytes in, a ``Photo`` out, or ``PhotoRefused``.

``opening`` holds the limits and the way from a file to upright sRGB pixels; ``decoding`` takes a file's pixels out in
strips; ``webp`` and ``heif`` read what such files say of themselves before any pixel is decoded.
"""

from skin_model.photo.opening import MAX_BYTES, Photo, PhotoRefused, open_photo

__all__ = ["MAX_BYTES", "Photo", "PhotoRefused", "open_photo"]
