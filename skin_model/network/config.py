"""``config.json``: everything about a checkpoint but its weights, read and checked; timm reads the same file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from skin_model.diagnoses import DIAGNOSES, malignant_mask
from skin_model.network.calibration import Calibration, DiagnosisCalibration, Thresholds
from skin_model.network.checkpoint_folder import CheckpointError
from skin_model.network.context import ContextModel
from skin_model.network.preprocessing import Preprocessing
from skin_model.network.turned_views import VIEWS

SCHEMA = 1
ARCHITECTURE = "tf_mobilenetv3_small_100"
"""timm's name of the released network (Howard et al. 2019, arXiv 1905.02244; Google's weights)."""
LICENCE_NOTE = (
    "Weights trained in part on photographs under CC BY-NC 4.0 (HAM10000, ISIC 2020, parts of the ISIC archive): "
    "for non-commercial use only. A screening aid, not a diagnosis."
)
_ARCHITECTURE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
"""A name of timm's own: with hf-hub: or local-dir: before it, timm would fetch or open what a config names."""


@dataclass(frozen=True)
class Config:
    """Everything about a checkpoint but its weights.

    diagnoses: one code per network output, empty for a binary head (one malignant logit). operating_points: dicts of
    threshold, sensitivity and specificity (all 0…1), measured on validation photographs. training: recipe, seed,
    data and split hashes, versions. licence: of the weights, as the Hub writes it. model_sha256: of
    ``model.safetensors``. gate_sha256: of ``gate.safetensors``, "" in checkpoints without one and in those from before
    it was kept. onnx_sha256: of the ONNX file beside it, for which ``export --into-checkpoint`` or ``push`` vouches; ""
    where there is none. context: what age, sex and site add to the risk; None where that was not fitted.
    diagnosis_calibration: None where the diagnoses are those behind the risk, and sum to it. views: of how many
    mirrored and turned views the answers are averaged (``turned_views.VIEWS``), as for the calibration.
    """

    diagnoses: tuple[str, ...]
    preprocessing: Preprocessing
    calibration: Calibration
    thresholds: Thresholds
    architecture: str = ARCHITECTURE
    operating_points: list[dict[str, float]] = field(default_factory=list)
    training: dict[str, Any] = field(default_factory=dict)
    version: str = "0.1.0"
    licence: str = "cc-by-nc-4.0"
    licence_note: str = LICENCE_NOTE
    model_sha256: str = ""
    gate_sha256: str = ""
    onnx_sha256: str = ""
    context: ContextModel | None = None
    diagnosis_calibration: DiagnosisCalibration | None = None
    views: int = 1

    @property
    def malignant(self) -> list[bool]:
        """One flag per network output."""
        return malignant_mask(self.diagnoses) if self.diagnoses else [True]

    def to_json(self) -> dict[str, Any]:
        """The content of ``config.json``: timm's keys at the top, ours under ``skin_model``."""
        size = self.preprocessing.input_size
        ours = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("architecture", "licence")}
        for name in ("preprocessing", "calibration", "thresholds"):
            ours[name] = asdict(ours[name])
        for name in ("context", "diagnosis_calibration"):
            ours[name] = None if ours[name] is None else asdict(ours[name])
        return {
            "architecture": self.architecture,
            "num_classes": len(self.malignant),
            "pretrained_cfg": {
                "input_size": [3, size, size],
                "fixed_input_size": False,
                "interpolation": "bilinear",
                "crop_pct": 1.0,
                "crop_mode": "center",
                "mean": list(self.preprocessing.mean),
                "std": list(self.preprocessing.std),
                "num_classes": len(self.malignant),
                "label_names": list(self.diagnoses) or ["malignant"],
                "first_conv": "conv_stem",
                "classifier": "classifier",
                "license": self.licence,
            },
            "skin_model": {"schema": SCHEMA, **ours},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str) -> Config:
        """Read what ``to_json`` wrote; raises CheckpointError when a key is missing or the schema is unknown."""
        ours = content.get("skin_model") if isinstance(content, Mapping) else None
        if not isinstance(ours, Mapping):
            raise CheckpointError(
                f'{where} has no "skin_model" section: it is not a Self Skin Check checkpoint. '
                "Make one with: python -m train fit"
            )
        if ours.get("schema") != SCHEMA:
            raise CheckpointError(
                f"{where} has schema {ours.get('schema')!r}, but this version reads schema {SCHEMA}. "
                "Update Self Skin Check, or choose a checkpoint made for this version."
            )
        try:
            preprocessing = dict(ours["preprocessing"])
            preprocessing["mean"], preprocessing["std"] = tuple(preprocessing["mean"]), tuple(preprocessing["std"])
            diagnoses = _known(ours["diagnoses"])
            return cls(
                architecture=_named(content["architecture"]),
                diagnoses=diagnoses,
                preprocessing=Preprocessing(**preprocessing),
                calibration=Calibration(**ours["calibration"]),
                thresholds=Thresholds(**ours["thresholds"]),
                operating_points=_points(ours["operating_points"]),
                training=_counted(ours["training"]),
                version=str(ours["version"]),
                licence=str(content.get("pretrained_cfg", {}).get("license", cls.licence)),
                licence_note=str(ours["licence_note"]),
                model_sha256=str(ours["model_sha256"]),
                gate_sha256=str(ours.get("gate_sha256", "")),
                onnx_sha256=str(ours.get("onnx_sha256", "")),
                context=ContextModel.from_json(ours["context"]) if ours.get("context") else None,
                diagnosis_calibration=_diagnosis_calibration(ours.get("diagnosis_calibration"), len(diagnoses)),
                views=_views(ours.get("views", 1)),
            )
        except KeyError as missing:
            raise CheckpointError(f"{where} lacks the key {missing}. Copy the checkpoint again.") from None
        except (TypeError, ValueError, OverflowError) as problem:
            raise CheckpointError(f"{where} holds a value that cannot be used: {problem}") from None


def _named(architecture: object) -> str:
    if not isinstance(architecture, str) or _ARCHITECTURE.fullmatch(architecture) is None:
        raise ValueError(f"the architecture must be a name of timm's, not {str(architecture)[:60]!r}.")
    return architecture


def _known(diagnoses: object) -> tuple[str, ...]:
    found = tuple(diagnoses) if isinstance(diagnoses, list) else None
    if found is None or len(set(found)) < len(found) or not set(found) <= set(DIAGNOSES):
        raise ValueError(f"the diagnoses must be some of {', '.join(DIAGNOSES)}, each once.")
    return found


def _diagnosis_calibration(content: object, diagnoses: int) -> DiagnosisCalibration | None:
    if content is None:
        return None
    found = DiagnosisCalibration(content["temperature"], tuple(content["offsets"]))
    if len(found.offsets) != diagnoses:
        raise ValueError(f"the diagnosis calibration has {len(found.offsets)} offsets for {diagnoses} diagnoses.")
    return found


def _views(views: object) -> int:
    if views not in VIEWS:
        raise ValueError(f"the views must be one of {', '.join(map(str, VIEWS))}, not {str(views)[:20]!r}.")
    return int(views)


def _points(points: object) -> list[dict[str, float]]:
    """Operating points whose three shares can be drawn."""
    found = [dict(point) for point in points] if isinstance(points, list) else None
    shares = ("threshold", "sensitivity", "specificity")
    if found is None or not all(0 <= float(point[name]) <= 1 for point in found for name in shares):
        raise ValueError(
            "every operating point must have a threshold, a sensitivity and a specificity between 0 and 1."
        )
    return found


def _counted(training: object) -> dict[str, Any]:
    """A training record, whose photographs are counted by split and source where it has them."""
    found = dict(training) if isinstance(training, Mapping) else None
    try:
        splits = found.get("photographs", {}).values() if found is not None else []
        whole = all(isinstance(count, int) for by_source in splits for count in by_source.values())
    except AttributeError:
        whole = False
    if found is None or not whole:
        raise ValueError("the training record must count photographs by split and source.")
    return found
