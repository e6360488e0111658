"""Files that state their colours otherwise than by an ICC profile, rightly and wrongly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tests.skin_model.pictures import colour_tags, encode, png_stating, profile_stating, rendered, with_png_chunks

CODES = {
    "display-p3": (12, 13, 0, 1),
    "pq": (9, 16, 0, 1),
    "hlg": (9, 18, 0, 1),
    "linear": (1, 8, 0, 1),
    "television": (9, 14, 0, 1),
    "unspecified": (2, 2, 0, 1),
}
UNKNOWN_CODES = {
    "unknown-primaries": (99, 13, 0, 1),
    "logarithmic": (1, 9, 0, 1),
    "no-rgb": (1, 13, 9, 1),
    "narrow-range": (1, 13, 0, 0),
}


def files() -> dict[str, tuple[Callable[[], bytes], str]]:
    """Name to what makes a file, and what becomes of it: "photo" or a refusal's code."""
    found: dict[str, tuple[Callable[[], bytes], str]] = {}
    for codes, outcome in ((CODES, "photo"), (UNKNOWN_CODES, "unreadable_colours")):
        found |= {f"cicp-{name}": (_png(cICP=bytes(stated)), outcome) for name, stated in codes.items()}
    found["cicp-cut"] = _png(cICP=b"\x0c"), "photo"
    for gamma in (0, 1, 45_455, 100_000, 2**31 - 1):
        found[f"gama-{gamma}"] = _png(gAMA=gamma.to_bytes(4, "big")), "photo"
    found["chrm-of-no-triangle"] = _png(gAMA=b"\0\0\xb1\x8f", cHRM=bytes(31) + b"\1"), "photo"
    for name, codes, outcome in (
        ("pq", (9, 16, 0, 1), "photo"),
        ("hlg", (12, 18, 0, 1), "photo"),
        ("unknown-primaries", (99, 16, 0, 1), "unreadable_colours"),
        ("srgb", (99, 13, 9, 0), "photo"),
    ):
        for kind in ("JPEG", "PNG", "WEBP", "HEIF"):
            stated = profile_stating(*codes)
            found[f"profile-{name}-in-{kind.lower()}"] = partial(encode, rendered(), kind, icc_profile=stated), outcome
    cut = profile_stating(9, 16, 0, 1)[:-4]
    found["profile-cut-in-its-code-points"] = partial(encode, rendered(), "PNG", icc_profile=cut), "photo"
    for name, content in (("no-zlib", b"x\0\0garbage"), ("of-nothing", b"x\0\0"), ("without-a-name", b"garbage")):
        stated = partial(with_png_chunks, encode(rendered(), "PNG"), iCCP=content, gAMA=b"\0\1\x86\xa0")
        found[f"profile-{name}-before-gama"] = stated, "photo"
    for kind, options in (("JPEG", {}), ("PNG", {}), ("WEBP", {"lossless": True})):
        tagged = partial(encode, rendered(), kind, exif=colour_tags("R03", 65_535), **options)
        found[f"adobe-rgb-in-{kind.lower()}"] = tagged, "photo"
    loop = b"MM\0*\0\0\0\x08" + b"\0\x01\x87i\0\4\0\0\0\1\0\0\0\x08" + bytes(4)
    found["exif-in-itself"] = partial(encode, rendered(), "JPEG", exif=b"Exif\0\0" + loop), "photo"
    return found


def _png(**chunks: bytes) -> Callable[[], bytes]:
    return lambda: png_stating(rendered(), **chunks)
