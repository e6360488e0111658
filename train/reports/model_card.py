"""The card of a published checkpoint: every figure from metrics.json, every fact from config.json and the gate."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skin_model.diagnoses import MALIGNANT
from train.data import licences
from train.data.licences import CITATIONS
from train.reports import report
from train.reports.markdown import escaped, table

MARK = "self-skin-check"
"""The tag by which a repository's card is known to be one of ours."""
SPLITS = ("train", "validation", "test")
INDEXED = {
    "auc": ("roc_auc", "AUC of the risk"),
    "auc_melanoma": ("roc_auc", "AUC for melanoma"),
    "sensitivity": ("recall", "sensitivity at the screening threshold"),
    "specificity": ("specificity", "specificity at the screening threshold"),
    "balanced_accuracy": ("balanced_accuracy", "balanced accuracy at the screening threshold"),
    "ece": ("expected_calibration_error", "calibration error"),
}
"""Key of metrics.json -> type and name in the card's model-index."""
NON_COMMERCIAL = "-nc-"


@dataclass(frozen=True)
class Facts:
    """What a card is written from.

    config: the content of config.json. files: (name, bytes, SHA-256). licences: source -> licence as the source states
    it -> photographs; None where nobody recorded them. gate, attempts: the content of gate.json and the list in
    attempts.json. datasets: ids of data sets on the Hub. plots: paths of pictures.
    """

    repo: str
    version: str
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    files: Sequence[tuple[str, int, str]] = ()
    licences: Mapping[str, Mapping[str, int]] | None = None
    gate: Mapping[str, Any] | None = None
    attempts: Sequence[Mapping[str, Any]] = ()
    datasets: Sequence[str] = ()
    plots: Sequence[str] = field(default=())

    @property
    def ours(self) -> Mapping[str, Any]:
        """What config.json holds beyond timm's keys."""
        return self.config["skin_model"]

    @property
    def licence(self) -> str:
        """The weights' licence, as the Hub writes it."""
        return self.config["pretrained_cfg"]["license"]


def card(facts: Facts) -> str:
    """The content of README.md: metadata for the Hub between two lines of ---, then Markdown."""
    parts = [
        _opening(facts),
        _intended_use(facts),
        _training_data(facts),
        _split_protocol(facts),
        report.model_card(dict(facts.metrics)).strip(),
        _pictures(facts),
        _gate(facts),
        _usage(facts),
        _licence(facts),
    ]
    return f"---\n{metadata(facts)}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def metadata(facts: Facts) -> str:
    """YAML that the Hub reads: licence, library, task, data sets, base model, tags and the model-index."""
    from huggingface_hub import ModelCardData

    base = base_model(facts.config)
    with_onnx = any(name.endswith(".onnx") for name, _, _ in facts.files)
    found = {
        "license": facts.licence,
        "license_name": "see-below" if facts.licence == "other" else None,
        "library_name": "timm",
        "pipeline_tag": "image-classification",
        "base_model": base,
        "base_model_relation": "finetune" if base else None,
        "datasets": list(facts.datasets) or None,
        "metrics": sorted({kind for kind, _ in INDEXED.values()}),
        "tags": ["timm", "image-classification", "dermatology", "skin-cancer", "medical", "safetensors", MARK]
        + ["onnx"] * with_onnx,
        "model_name": facts.repo.rpartition("/")[2],
        "eval_results": evaluation_results(facts.metrics) or None,
    }
    return ModelCardData(**found).to_yaml().strip()


def evaluation_results(metrics: Mapping[str, Any]) -> list[Any]:
    """The figures of every set that has enough photographs, for the model-index; the tables hold the others too."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="image-classification",
            task_name="skin cancer or not",
            dataset_type=name,
            dataset_name=name.replace(":", ", "),
            dataset_split=metrics["data"].get("split"),
            metric_type=kind,
            metric_name=title,
            metric_value=round(figure["value"], 4),
        )
        for name, found in metrics["sets"].items()
        if not found["too_few"]
        for key, (kind, title) in INDEXED.items()
        if (figure := found.get(key)) and not figure.get("too_few")
    ]


def base_model(config: Mapping[str, Any]) -> str | None:
    """Where on the Hub the first weights come from; None where the network began from random ones."""
    import timm

    started = str(config["skin_model"]["training"].get("started_from", ""))
    if not started.startswith("ImageNet"):
        return None
    known = timm.get_pretrained_cfg(config["architecture"], allow_unregistered=True)
    return known.hf_hub_id if known else None


def _opening(facts: Facts) -> str:
    ours, architecture = facts.ours, facts.config["architecture"]
    names = ", ".join(f"`{code}`" for code in ours["diagnoses"]) or "one: malignant"
    return f"""# {facts.repo.rpartition("/")[2]} {facts.version}

A photograph of a mole in, a calibrated risk of skin cancer out. The network is timm's `{architecture}` with one linear
layer; its outputs are {names}. It is the checkpoint behind the app Self Skin Check, which also shows why, and says when
it cannot tell.

**It is a screening aid and no diagnosis. Whatever it says, show a doctor any spot that changes, bleeds or worries
you.**"""


def _intended_use(facts: Facts) -> str:
    prevalence = facts.ours["calibration"]["reference_prevalence"]
    return f"""## What it is for

- **For**: research, teaching, and helping a person decide whether to show a spot to a doctor soon. One spot in the
  middle of a sharp close-up, from a phone or a dermatoscope.
- **Not for**: a diagnosis, ruling cancer out, deciding about treatment, whole-body pictures, spots under nails or on
  mucosa, or anything where nobody looks at the spot afterwards.

## Limits

- A risk is calibrated to a prevalence of {prevalence:.0%}; where cancers are rarer or more frequent, the same number
  means less or more.
- Photographs from clinics, cameras and skin tones that are hardly in the training data are judged worse than the
  tables say.
- A low risk does not rule out cancer: the tables say how many it misses in each source.
- Used through timm or ONNX alone, nothing refuses a picture that is not skin; ONNX's output `novelty` tells."""


def _training_data(facts: Facts) -> str:
    counts = facts.ours["training"].get("photographs") or {}
    sources = sorted({source for split in counts.values() for source in split})
    lines = ["## Training data", ""]
    if not sources:
        return "\n".join([*lines, "What it was trained on was not recorded."])
    lines += [
        "| source | training | validation | test | licence (photographs that trained or validated) |",
        "|---|---|---|---|---|",
    ]
    for source in sources:
        numbers = " | ".join(str(counts.get(split, {}).get(source, 0)) for split in SPLITS)
        stated = (facts.licences or {}).get(source)
        licence = "not recorded"
        if stated:
            licence = "; ".join(f"{_licence_name(name, source)} ({n})" for name, n in sorted(stated.items()))
        lines.append(f"| {escaped(source)} | {numbers} | {escaped(licence)} |")
    totals = " | ".join(str(sum(counts.get(split, {}).values())) for split in SPLITS)
    lines += [f"| all | {totals} | |", ""]
    lines += [f"- {escaped(source)}: {CITATIONS[source]}" for source in sources if source in CITATIONS]
    lines += ["", "No photograph is in this repository."]
    return "\n".join(lines)


def _licence_name(written: str, source: str) -> str:
    """SPDX's name of a licence where there is one, and what the source wrote where that is something else."""
    identifier = licences.normalise(written, source)
    if identifier == licences.UNKNOWN:
        return written or "not stated"
    return identifier


def _split_protocol(facts: Facts) -> str:
    training = facts.ours["training"]
    said = f"SHA-256 of the split file: `{training['split_sha256']}`." if training.get("split_sha256") else ""
    recipe = training.get("recipe")
    trained = f"Recipe `{recipe}`, seed {training['seed']}." if recipe and "seed" in training else ""
    used = "Training fits the weights; validation chooses the epoch, the calibration and every threshold"
    if folds := training.get("folds"):
        used = (
            f"Training and validation are dealt into {folds} folds, and as many networks, each without one fold, "
            "answer for it: on those answers the calibration and every threshold are fitted. These weights learnt "
            "from all folds and are those of the last epoch"
        )
    return f"""## How the photographs were split

Photographs of one lesion, of one patient, and near-duplicates by perceptual hash form a group, and a group is in one
part only. {used}; the test part is locked and only scored. When data grows, the lock stays.

{" ".join(part for part in (said, trained) if part) or "Neither split nor recipe were recorded."}"""


def _pictures(facts: Facts) -> str:
    if not facts.plots:
        return ""
    shown = [f"![{plot.rpartition('/')[2].rpartition('.')[0].replace('_', ' ')}]({plot})" for plot in facts.plots]
    return "\n\n".join(["### Pictures", *shown])


def _gate(facts: Facts) -> str:
    """What the candidate was held against, how often anybody looked, and what was overridden."""
    lines = ["## The gate before publishing", ""]
    found = facts.gate
    if found is None:
        lines.append("No comparison was made: there was no earlier version, and no locked photographs were named.")
    elif found.get("not_run"):
        lines.append("**The comparison with the version before was not run.**")
    else:
        ended = "passed" if found["passed"] else "**not passed**"
        looked = f"{found['photographs']} photographs of the locked {found['split']} split"
        if found.get("published"):
            held = f"Checkpoint `{found['candidate']}` was held against `{found['published']}`"
            lines.append(f"{held} on {looked}: {ended}.")
        else:
            seen = "none of them had trained it" if found["passed"] else "**not passed**"
            lines.append(
                f"Checkpoint `{found['candidate']}` is the first of its name, so it was compared with nothing; it "
                f"scored {looked}: {seen}."
            )
        lines += ["", *_gate_rows(found["rows"])] if any(row["difference"] is not None for row in found["rows"]) else []
        lines += ["", *(f"- {escaped(problem)}" for problem in found["problems"])] if found["problems"] else []
    if facts.attempts:
        looks = counted([dict(attempt) for attempt in facts.attempts])
        lines += ["", f"{looks} Every look is a chance to tune to them."]
    reasons = [found["override"]] if found and found.get("override") and not found.get("passed") else []
    reasons += [tried["override"] for tried in facts.attempts if tried.get("override") and not tried["passed"]]
    for reason in dict.fromkeys(reasons):
        lines += ["", f"**Published against the gate**, with this reason: {escaped(reason)}"]
    return "\n".join(lines)


def counted(attempts: Sequence[dict[str, Any]]) -> str:
    """One sentence on how often the locked photographs were looked at, for the table and the model card."""
    looks = sum(found["looks"] for found in attempts)
    candidates = len({found["candidate"] for found in attempts})
    many = "candidate has" if candidates == 1 else "candidates have"
    times = "once" if looks == 1 else f"{looks} times in all"
    return f"{candidates} {many} been held against these locked photographs, {times}."


def _gate_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    verdicts = {True: "not worse", False: "**worse, or too few to tell**", None: "not judged"}
    lines = []
    for row in rows:
        if row["difference"] is not None:
            difference = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})".replace("-", "−")
            values = (f"{row['candidate']:.3f}", f"{row['published']:.3f}", difference, f"{row['margin']:.2f}")
            lines.append((escaped(row["name"]), *values, verdicts[row["passed"]]))
    return table(("figure", "this", "before", "difference (95 % interval)", "margin", ""), lines).splitlines()


def _usage(facts: Facts) -> str:
    where = f"{facts.repo}@{facts.version}"
    size = facts.ours["preprocessing"]["input_size"]
    malignant = [code for code in facts.ours["diagnoses"] if code in MALIGNANT]
    onnx = [name for name, _, _ in facts.files if name == "model.onnx"]
    lines = f"""## How to use it

With this package, which opens the photo safely, crops, refuses, calibrates and explains:

```python
from skin_model.assess import Assessor
from skin_model.photo.opening import open_photo

assessor = Assessor.load("{where}")
assessment = assessor.assess(open_photo("photo.jpg"))
print(assessment.risk, assessment.band, assessment.refused)
```

The app: `SKIN_CHECKPOINT={where} python app.py`.

With timm, the bare network. Its probabilities are **not** calibrated and nothing is refused:

```python
import timm
import torch
from PIL import Image

network = timm.create_model("hf-hub:{where}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_data_config(network.pretrained_cfg))
with torch.inference_mode():
    logits = network(transform(Image.open("photo.jpg").convert("RGB"))[None])
print(dict(zip(network.pretrained_cfg["label_names"], logits.softmax(1)[0].tolist())))
```""".splitlines()
    if malignant:
        codes = ", ".join(f"`{code}`" for code in malignant)
        lines += ["", f"Malignant are {codes}: the risk is the sum of theirs, after calibration."]
    if onnx:
        lines += f"""
With ONNX, calibrated; `export.json` says what the outputs and metadata are and how far they lie from PyTorch's:

```python
import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # else onnxruntime tells its makers about the session

import numpy as np
import onnxruntime
from huggingface_hub import hf_hub_download
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(hf_hub_download("{facts.repo}", "model.onnx", revision="{facts.version}"))
photo = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
square = ImageOps.fit(photo, ({size}, {size}), Image.Resampling.BOX)
pixels = np.asarray(square, np.float32).transpose(2, 0, 1)[None] / 255
print(float(session.run(["risk"], {{"pixels": pixels}})[0][0]))
```""".splitlines()
    if facts.files:
        lines += ["", "| file | bytes | SHA-256 |", "|---|---|---|"]
        lines += [f"| `{name}` | {size:,} | `{digest}` |" for name, size, digest in facts.files]
    lines += ["", "No file is a pickle; none of them runs code when it is opened."]
    return "\n".join(lines)


def _licence(facts: Facts) -> str:
    lines = ["## Licence", "", facts.ours["licence_note"]]
    if NON_COMMERCIAL in facts.licence:
        why = "some of the photographs are under such a licence"
        lines += ["", f"**For non-commercial use only** (`{facts.licence}`): {why}."]
    training = facts.ours["training"]
    if training.get("versions"):
        made = ", ".join(f"{name} {number}" for name, number in training["versions"].items())
        lines += ["", f"Made with {made}, on {training.get('machine', 'an unrecorded machine')}."]
    settings = training.get("settings")
    if settings:
        lines += ["", "<details><summary>Every setting of the recipe</summary>", "", "```json"]
        lines += [json.dumps(settings, indent=1), "```", "", "</details>"]
    return "\n".join(lines)
