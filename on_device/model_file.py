"""What an exported ONNX file says of itself, read without onnx: the page is built where only the app is installed."""

import json
from collections.abc import Iterator
from typing import Any

METADATA_FIELD = 14
"""``ModelProto.metadata_props`` in onnx.proto: key is field 1 and value field 2 of each entry."""

_JSON = {
    "labels",
    "malignant",
    "preprocessing",
    "calibration",
    "thresholds",
    "gate_threshold",
    "operating_points",
    "training",
    "context",
    "views",
    "diagnosis_calibration",
}


class NotAnExport(ValueError):
    """A file that ``python -m train export`` did not write, or not completely; the text says how to mend it."""


def entries(content: bytes) -> dict[str, str]:
    """The metadata of an ONNX file's bytes as they are. Raises NotAnExport."""
    try:
        found = [dict(_fields(entry)) for number, entry in _fields(content) if number == METADATA_FIELD]
        return {entry[1].decode("utf-8"): entry[2].decode("utf-8") for entry in found}
    except (IndexError, KeyError, ValueError) as problem:
        raise NotAnExport("This is no complete ONNX file. Make it with: python -m train export --out DIR") from problem


def metadata(content: bytes) -> dict[str, Any]:
    """The metadata of an ONNX file's bytes, with the values that are JSON decoded.

    Raises NotAnExport.
    """
    texts = entries(content)
    missing = {"labels", "malignant", "preprocessing", "calibration", "thresholds", "checkpoint_sha256"} - set(texts)
    if missing:
        raise NotAnExport(
            f"The ONNX file does not say its {', '.join(sorted(missing))}. "
            "Make it with: python -m train export --out DIR"
        )
    try:
        return {name: json.loads(text) if name in _JSON else text for name, text in texts.items()}
    except (ValueError, RecursionError) as problem:
        raise NotAnExport(
            "What the ONNX file says of itself is no JSON. Make it with: python -m train export --out DIR"
        ) from problem


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the length-delimited fields of a protobuf message; the others are passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            _, at = _varint(message, at)
        elif kind == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("cut")
            yield number, message[at : at + length]
            at += length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"kind {kind}")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # 64 bits in bytes of seven: protobuf has no longer ones
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
    raise ValueError("number without end")
