"""What each of Ray's actors does: one checkpoint, loaded once, and blocks of photographs through it on one thread."""

from __future__ import annotations

import hashlib
import io
import platform
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import skin_model
from skin_model.network.checkpoint import Checkpoint, CheckpointError
from train import UserError
from train.batch_inference.archive import TEXTS, Archive, Stored
from train.digests import sha256

if TYPE_CHECKING:
    from skin_model.assess import Assessment

UNFIT = "This machine cannot score: "
"""How the sentence begins that an actor ends with, so that it is found again among what Ray says around it."""
MOST_ATTEMPTS = 3
"""How often a photograph may be in hand when its worker ends without a word."""
_PACKAGES = ("torch", "onnxruntime", "numpy", "opencv-python-headless", "pillow", "pyarrow")

_BOX = pa.list_(pa.int32())
SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("file", pa.string()),
        ("sha256", pa.string()),
        ("risk", pa.float64()),
        ("risk_with_context", pa.float64()),
        ("band", pa.string()),
        ("diagnoses", pa.map_(pa.string(), pa.float64())),
        ("border", pa.struct([("kind", pa.string()), *((name, pa.float64()) for name in ("x", "y", "radius"))])),
        ("crop", _BOX),
        ("located", pa.struct([(name, pa.float64()) for name in ("x", "y", "width", "height", "certainty")])),
        ("problems", pa.list_(pa.string())),
        ("refused", pa.string()),
        ("message", pa.string()),
        *((name, pa.string()) for name in TEXTS),
        ("malignant", pa.int8()),
    ]
)
"""A row a photograph: what ``python -m skin_model --json`` says of it, the SHA-256 of its file, and what was known."""
OVERLAY = pa.field("overlay", pa.binary())
"""The overlay as PNG, null where none could be drawn; only on the way from an actor to the command."""


def versions() -> dict[str, str]:
    """What scores depend on: this project's own code by its SHA-256, Python, and the packages that compute."""
    code = Path(skin_model.__file__).parent
    own = sha256("".join(sha256(file.read_bytes()) for file in sorted(code.rglob("*.py"))))
    return {"skin_model": own[:12], "Python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def load(reference: str | None) -> Checkpoint:
    """The checkpoint that scores; the embedded one without an import of torch, which takes seconds.

    reference: as ``Checkpoint.load``'s. Raises UserError where it cannot be used.
    """
    if reference is None:
        try:
            return Checkpoint.load()
        except CheckpointError as problem:
            raise UserError(str(problem)) from None
    import torch

    from train.fitting.networks.architectures import load_checkpoint

    torch.set_num_threads(1)
    return load_checkpoint(reference)


class Attempts:
    """How often a block or a photograph was begun and not ended. An actor of its own keeps it, and outlives workers."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()

    def begin(self, what: str) -> int:
        """Count one attempt more; returns how many there are."""
        self._begun[what] += 1
        return self._begun[what]

    def end(self, what: str) -> None:
        """It went well."""
        del self._begun[what]


class Scorer:
    """Called by Ray Data with one block after another."""

    def __init__(
        self,
        archive: Archive,
        checkpoint: str | None,
        expected: dict[str, str],
        overlay: bool,
        attempts: Attempts | None = None,
    ) -> None:
        """expected: the command's own ``versions``, and the ``checkpoint`` that it loaded, by its hash. attempts:
        what all workers share; without, a photograph that ends its worker would be tried for ever.

        Raises UserError where this machine would give other scores.
        """
        import cv2

        from skin_model.assess import Assessor

        cv2.setNumThreads(1)
        self._archive, self._overlay, self._attempts = archive, overlay, attempts
        found = versions()
        try:
            self._assessor = Assessor(load(checkpoint))
        except UserError as problem:
            raise UserError(f"{UNFIT}{platform.node()}: {problem}") from None
        found["checkpoint"] = self._assessor.checkpoint.hash
        differing = [
            f"{name} {found[name]}, not {wanted}" for name, wanted in expected.items() if found[name] != wanted
        ]
        if differing:
            raise UserError(
                f"{UNFIT}{platform.node()} has {'; '.join(differing)}. Install the same versions on every machine."
            )

    def __call__(self, block: pa.Table) -> pa.Table:
        """A block of ``archive.blocks`` to a table of SCHEMA, with OVERLAY where asked for, a row a photograph.

        In a block that was lost with its worker, a photograph that was in hand when MOST_ATTEMPTS workers ended counts
        as damaged and is not opened again.
        """
        lost_before = self._attempts is not None and self._attempts.begin(f"block {block['position'][0]}") > 1
        row = self._watched_row if lost_before else self._row
        try:
            rows = [row(stored) for stored in self._archive.read(block)]
        except UserError as problem:
            raise UserError(f"{UNFIT}{platform.node()}: {problem}.") from None
        return pa.Table.from_pylist(rows, schema=SCHEMA.append(OVERLAY) if self._overlay else SCHEMA)

    def _watched_row(self, stored: Stored) -> dict[str, Any]:
        from skin_model.assess import Assessment

        name = f"photograph {stored.position}"
        if self._attempts.begin(name) > MOST_ATTEMPTS:
            return self._row(stored, Assessment.refusal("damaged_file"))
        row = self._row(stored)
        self._attempts.end(name)
        return row

    def _row(self, stored: Stored, refusal: Assessment | None = None) -> dict[str, Any]:
        from skin_model.assess import Assessment, opened

        photo = refusal or opened(stored.content)
        seen = not isinstance(photo, Assessment)
        row = (self._assessor.assess(photo) if seen else photo).to_json(stored.file)
        if self._overlay:
            row["overlay"] = _png(self._assessor.explain(photo)) if seen else None
        unknown = dict.fromkeys(TEXTS, "") | {"malignant": None}
        return row | unknown | stored.known | {"position": stored.position, "sha256": _sha256_of(stored.content)}


def _sha256_of(content: Path | bytes) -> str | None:
    """None of a file that cannot be read."""
    if isinstance(content, bytes):
        return sha256(content)
    try:
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _png(rgb: Any) -> bytes:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(rgb).save(held, format="PNG")
    return held.getvalue()
