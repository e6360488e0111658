"""Several recipes, trained and judged on the same photographs, in one table."""

import json
import sys
import timeit
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from skin_model.assess import Assessor
from skin_model.atomic_files import write_csv, write_json, write_text
from skin_model.photo import open_photo
from train import UserError
from train.bootstrap import RESAMPLES, Draws, Figure, figure, text
from train.digests import file_sha256, sha256
from train.evaluation import evaluate
from train.evaluation.metrics import measure
from train.evaluation.stress import robustness
from train.fitting import fit as fitting
from train.fitting import recipes
from train.fitting.networks.architectures import load_checkpoint
from train.reports.markdown import table as markdown_table

SCHEMA = 1
START, END = "<!-- table: written by python -m train compare -->", "<!-- end of table -->"
TABLE_FILE, CSV_FILE, JSON_FILE = "compare.md", "compare.csv", "compare.json"
REFERENCE = "ham10000"
"""The source whose photographs decide all figures but the AUC within source, where the photographs hold it."""
FIGURES = {
    "auc_within_source": "AUC within source",
    "auc_ham10000": "AUC HAM10000",
    "accuracy_diagnoses": "accuracy, diagnoses",
    "balanced_accuracy_diagnoses": "balanced accuracy, diagnoses",
    "top_2": "top-2",
    "top_3": "top-3",
    "accuracy_risk": "accuracy, risk",
    "balanced_accuracy_risk": "balanced accuracy, risk",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}
PASSES = 20


@dataclass(frozen=True)
class Photographs:
    """Labelled photographs under a name; rows as ``evaluate.read_split`` gives them."""

    name: str
    rows: pd.DataFrame

    @property
    def hash(self) -> str:
        """SHA-256 of which photographs these are, with their labels."""
        content = self.rows[["root", "file", "malignant", "diagnosis", "group", "source"]].astype(str)
        return sha256(content.to_csv(index=False))


def compare(
    work: Path,
    names: Sequence[str],
    out: Path,
    *,
    split: str = "test",
    data: Sequence[Path] = (),
    epochs: int | None = None,
    backbone: Sequence[Path] = (),
    finished: Sequence[Path] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Train each recipe on ``work`` into ``out/NAME``, score the same photographs with all, and write the table.

    names: as ``recipes.find`` takes them. split: the part of ``work`` that is scored, beside every photograph of the
    external folders ``data``. epochs: in place of each recipe's own. backbone: safetensors files of ImageNet weights;
    each recipe takes the first that fits, else timm fetches, else it starts from random weights, and the table says so.
    finished: folders of runs on ``work`` that are judged as they are, before the recipes; a second run of one recipe
    bears its folder's name too. Finished runs and scores in
    ``out`` are taken as they are, interrupted ones go on. Writes compare.md, compare.csv and
    compare.json (returned) into ``out``. seed and resamples: of the bootstrap over groups behind every interval.
    """
    chosen = [recipes.find(name) for name in dict.fromkeys(names)]
    if epochs is not None:
        chosen = [recipe.change(epochs=epochs) for recipe in chosen]
    known_rows = fitting.read_split(work)
    split_sha256 = file_sha256(work / "split.csv")
    places = [Photographs(f"{split} split", evaluate.read_split(work, split)), *_external(data, out)]
    known = set(known_rows.loc[known_rows["split"] == "train", "source"])
    rows = []
    for number, run in enumerate([*finished, *(out / recipe.name for recipe in chosen)], start=-len(finished)):
        if number >= 0:
            recipe = chosen[number]
            tqdm.write(f"Recipe {number + 1} of {len(chosen)}: {recipe.name}", file=sys.stderr)
            if not fitting.is_finished(work, run, recipe):
                fitting.fit(work, run, recipe, backbone, or_scratch=True)
        assessor = Assessor(load_checkpoint(run / "checkpoint"))
        training = assessor.checkpoint.config.training
        if training.get("split_sha256") != split_sha256:
            raise UserError(
                f"{run} was trained on another split, so its figures could not be compared with the others."
            )
        described = describe(assessor, places[0])
        name = training["recipe"]
        if any(row["recipe"] == name for row in rows):
            name = f"{name} ({run.name})"
        for place in places:
            folder = out / name / f"scored-{place.name.replace(' ', '-')}"
            found = figures(assessor, place, folder, resamples=resamples, seed=seed)
            rows.append({"recipe": name, "photographs": place.name, **found, **described})
    content = {
        "schema": SCHEMA,
        "split_sha256": split_sha256,
        "seed": seed,
        "resamples": resamples,
        "threads": torch.get_num_threads(),
        "notes": _notes(places, known),
        "rows": rows,
    }
    write_json(out / JSON_FILE, content, allow_nan=False)
    write_csv(out / CSV_FILE, flat(rows))
    write_text(out / TABLE_FILE, table(content) + "\n")
    return content


def describe(assessor: Assessor, place: Photographs) -> dict[str, Any]:
    """What a checkpoint is: parameters, milliseconds a photo for the network alone, how it began, epochs."""
    checkpoint, first = assessor.checkpoint, place.rows.iloc[0]
    training = checkpoint.config.training
    batch = assessor.view(open_photo(Path(first["root"]) / first["file"])).tensor
    pretrained = training.get("settings", {}).get("pretrained")
    return {
        "parameters": sum(parameter.numel() for parameter in checkpoint.network.parameters()),
        "milliseconds": round(milliseconds(checkpoint.network, batch), 2),
        "started_from": training.get("started_from", "ImageNet" if pretrained else "from scratch"),
        "epochs": training.get("epochs"),
        "checkpoint": checkpoint.hash,
    }


def milliseconds(network: nn.Module, batch: torch.Tensor) -> float:
    """Median time of a forward pass of ``batch``, (1, 3, S, S), after a few that warm up."""
    with torch.inference_mode():
        taken = timeit.repeat(lambda: network(batch), number=1, repeat=PASSES + 3)
    return float(np.median(taken[3:]) * 1000)


def figures(
    assessor: Assessor, place: Photographs, folder: Path, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Counts and FIGURES of a checkpoint on some photographs; ``folder`` keeps them, so that a repeated call is quick.

    The AUC within source is over all of them, the rest over those of REFERENCE where there are any.
    """
    config, kept = assessor.checkpoint.config, folder / "figures.json"
    key = {"checkpoint": assessor.checkpoint.hash, "photographs": place.hash, "resamples": resamples, "seed": seed}
    if kept.is_file():
        earlier = json.loads(kept.read_text(encoding="utf-8"))
        if earlier["key"] == key:
            return earlier["found"]
    folder.mkdir(parents=True, exist_ok=True)
    predictions = evaluate.score(assessor, place.rows, folder)
    scored = pd.concat([predictions, place.rows[["group", "source", "family"]]], axis=1)
    reference = scored["source"] == REFERENCE
    judged = scored[reference] if reference.any() else scored
    prevalence = config.calibration.reference_prevalence
    measured = measure(judged, config.thresholds, prevalence, resamples=resamples, seed=seed)
    seven = measured["diagnoses"] or {}
    found = {
        "n": len(scored),
        "n_judged": len(judged),
        "n_malignant": measured["n_malignant"],
        "n_refused": measured["n_refused"],
        "auc_within_source": within_source_auc(scored, resamples=resamples, seed=seed),
        "auc_ham10000": measured["auc"] if reference.any() else None,
        "accuracy_diagnoses": seven.get("accuracy"),
        "balanced_accuracy_diagnoses": seven.get("balanced_accuracy"),
        "top_2": seven.get("top_2"),
        "top_3": seven.get("top_3"),
        "accuracy_risk": measured["accuracy"],
        "balanced_accuracy_risk": measured["balanced_accuracy"],
        "sensitivity": measured["sensitivity"],
        "specificity": measured["specificity"],
    }
    write_json(kept, {"key": key, "found": found})
    return found


def within_source_auc(scored: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0) -> Figure:
    """``validation.within_source_auc`` with its interval. scored: needs risk, malignant, source and group."""
    scored = scored[scored["risk"].notna()]
    truth, risks = scored["malignant"].to_numpy(dtype=float), scored["risk"].to_numpy(dtype=float)
    sources = scored["source"].to_numpy(dtype=str)
    draws = Draws(scored["group"].to_numpy(dtype=str), resamples, seed)
    return figure(draws.measure(lambda weights: robustness.within_source_auc(risks, truth, sources, weights)))


def table(content: dict[str, Any]) -> str:
    """Markdown: one row a recipe and set of photographs, the AUCs with their 95 % intervals, and what it all means."""
    head = ["recipe", "photographs", *FIGURES.values(), "parameters", "ms per photo", "epochs", "started"]
    rows = []
    for row in content["rows"]:
        cells = [text(row[name]) if name.startswith("auc") else text(row[name]).partition(" ")[0] for name in FIGURES]
        cells += [f"{row['parameters'] / 1e6:.2f} M", f"{row['milliseconds']:.1f}", row["epochs"], row["started_from"]]
        rows.append([row["recipe"], row["photographs"], *cells])
    align = "---|---|" + "---:|" * (len(head) - 3) + "---|"
    return "\n".join([markdown_table(head, rows, align), "", *content["notes"]])


def _notes(places: Sequence[Photographs], known: set[str]) -> list[str]:
    found = []
    for place in places:
        rows, part = place.rows, place.rows[place.rows["source"] == REFERENCE]
        judged = rows if part.empty else part
        which = "" if part.empty else f" ({len(part)} of HAM10000, which decide all but the AUC within source)"
        malignant = int(judged["malignant"].sum())
        found.append(
            f"{place.name}: {len(rows)} photographs{which}; {malignant} malignant and {len(judged) - malignant} benign "
            "ones are judged."
        )
        shared = sorted(known & set(rows["source"]))
        if shared and place is not places[0]:
            found[-1] += f" The recipes trained on {', '.join(shared)} too, so these may hold photographs they know."
    return [
        *found,
        "AUCs with 95 % intervals by bootstrap over groups; all intervals are in compare.csv. Sensitivity, specificity "
        "and accuracy of the risk: at each checkpoint's own threshold, set on held-out photographs for 95 % "
        "sensitivity. A recipe with one output tells no diagnoses apart. ms: one forward pass of the network alone, "
        "without reading and cropping the photo.",
    ]


def _external(data: Sequence[Path], out: Path) -> list[Photographs]:
    names = [folder.resolve().name for folder in data]
    if len(set(names)) < len(names):
        raise UserError(f"Two folders of photographs have the same name ({max(names, key=names.count)}). Rename one.")
    return [
        Photographs(name, evaluate.read_folder(folder, out / f"unpacked-{name}"))
        for name, folder in zip(names, data, strict=True)
    ]


def flat(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The table's rows with every figure as three columns: its value, low and high."""
    lines = []
    for row in rows:
        line: dict[str, Any] = {}
        for name, value in row.items():
            if name in FIGURES:
                parts = value or {}
                line |= {name: parts.get("value"), f"{name}_low": parts.get("low"), f"{name}_high": parts.get("high")}
            else:
                line[name] = value
        lines.append(line)
    return pd.DataFrame(lines)
