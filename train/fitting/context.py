"""Fits what age, sex and body site add to the log-odds of out-of-fold risks (``skin_model.network.context``)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from skin_model.network.context import SEXES, SITES, ContextModel, UnknownContext, age_of, sex_of, site_of
from train.data.catalogue import family
from train.fitting.calibration import weigh
from train.fitting.validation import within_source_auc

KNOTS = (20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
"""Years; the effect of the age is linear between them."""
PENALTY = 0.002
"""Of the squared effects: strong enough that a site seen on a handful of photographs adds almost nothing."""
TELLING = 0.1
"""Where a value is known for a share of the cancers that differs from that of the others by more than this, its being
known tells the class, and the source's values are not learned from (PAD-UFES-20's sex)."""
COLUMNS = ("age", "sex", "site")


def fit(rows: pd.DataFrame, risks: np.ndarray, prevalence: float, folds: np.ndarray | None = None) -> ContextModel:
    """The additive model that minimises the weighted log loss of out-of-fold risks.

    rows: N photographs with source, malignant, and age, sex and site as catalogue.csv writes them. risks: (N,)
    calibrated out-of-fold risks, 0…1. Every source has an intercept of its own in the fit, which is then dropped: what
    tells sources apart is not learned. Effects have the weighted mean 0, so that nothing is added on average. folds:
    (N,) to measure the gain by, each fold with a model fitted on the others.
    """
    design, names = _design(rows)
    truth = rows["malignant"].to_numpy().astype(bool)
    sources = rows["source"].to_numpy(dtype=str)
    families = np.array([family(name) for name in sources])
    offset = np.log(risks) - np.log1p(-risks)
    chosen = np.full(len(rows), True)
    effects = _solve(design, offset, truth, sources, families, prevalence, chosen)
    gain: dict[str, dict[str, float]] = {}
    if folds is not None:
        added = np.zeros(len(rows))
        for fold in np.unique(folds):
            held_out = folds == fold
            added[held_out] = design[held_out] @ _solve(design, offset, truth, sources, families, prevalence, ~held_out)
        gain = _gain(offset, added, truth, sources, families, np.abs(design).sum(axis=1) > 0)
    return _model(effects, names, gain)


def fit_where_it_helps(
    rows: pd.DataFrame, risks: np.ndarray, prevalence: float, folds: np.ndarray
) -> ContextModel | None:
    """``fit``, or None where photographs are not told apart better with it: by the AUC within a source, out of fold,
    in the mean over the families of which anything is known.
    """
    found = fit(rows, risks, prevalence, folds)
    gains = [of["auc_with_context"] - of["auc"] for of in found.gain.values()]
    return found if gains and np.mean(gains) > 0 else None


def _design(rows: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """(N, P) what each photograph has of each effect, 0 where it is unknown, and the effects' names."""
    columns, names = [], []
    known = {column: [_read(column, text) for text in rows[column]] for column in COLUMNS}
    malignant = rows["malignant"].to_numpy().astype(bool)
    for column in COLUMNS:
        there = np.array([value is not None for value in known[column]])
        for source in rows["source"].unique():
            of = (rows["source"] == source).to_numpy()
            shares = [there[of & side].mean() if (of & side).any() else 0.0 for side in (malignant, ~malignant)]
            if abs(shares[0] - shares[1]) > TELLING:
                there &= ~of
        values = [value if is_there else None for value, is_there in zip(known[column], there, strict=True)]
        if column == "age":
            ages = np.array([np.nan if value is None else value for value in values], dtype=float)
            for k, knot in enumerate(KNOTS):
                peak = np.zeros(len(KNOTS))
                peak[k] = 1
                columns.append(np.nan_to_num(np.interp(ages, KNOTS, peak)))
                names.append(f"age {knot:g}")
        else:
            for code in SEXES if column == "sex" else SITES:
                columns.append(np.array([value == code for value in values], dtype=float))
                names.append(f"{column} {code}")
    return np.stack(columns, axis=1), names


def _read(column: str, text: str) -> float | str | None:
    try:
        return {"age": age_of, "sex": sex_of, "site": site_of}[column](text)
    except UnknownContext:
        return None


def _solve(
    design: np.ndarray,
    offset: np.ndarray,
    truth: np.ndarray,
    sources: np.ndarray,
    families: np.ndarray,
    prevalence: float,
    chosen: np.ndarray,
) -> np.ndarray:
    """(P,) effects from the chosen photographs, those of one kind with the weighted mean 0."""
    design, offset, truth, sources, families = (a[chosen] for a in (design, offset, truth, sources, families))
    weights = weigh(truth, families, prevalence)
    _, source = np.unique(sources, return_inverse=True)
    count, centres = design.shape[1], source.max() + 1

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        effects, intercepts = parameters[:count], parameters[count:]
        z = offset + design @ effects + intercepts[source]
        wrong = weights * (1 / (1 + np.exp(-z)) - truth)
        value = float((weights * (np.logaddexp(0, z) - truth * z)).sum() + PENALTY * (effects**2).sum())
        slope = np.concatenate([design.T @ wrong + 2 * PENALTY * effects, np.bincount(source, wrong, centres)])
        return value, slope

    found = minimize(loss, np.zeros(count + centres), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return _centred(found.x[:count], design, weights)


def _centred(effects: np.ndarray, design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    centred = effects.copy()
    for of in _kinds():
        mass = (weights[:, None] * design[:, of]).sum()
        if mass:
            centred[of] -= (weights @ design[:, of]) @ effects[of] / mass
    return centred


def _kinds() -> list[slice]:
    ages, sexes = len(KNOTS), len(SEXES)
    return [slice(0, ages), slice(ages, ages + sexes), slice(ages + sexes, None)]


def _gain(
    offset: np.ndarray,
    added: np.ndarray,
    truth: np.ndarray,
    sources: np.ndarray,
    families: np.ndarray,
    known: np.ndarray,
) -> dict[str, dict[str, float]]:
    """For each family, of photographs of which something is known: AUC within a source without and with the context."""
    found = {}
    for name in np.unique(families):
        of = (families == name) & known
        if len(np.unique(truth[of])) == 2:
            alone, both = (
                within_source_auc(score[of], truth[of].astype(int), sources[of]) for score in (offset, offset + added)
            )
            found[str(name)] = {"photographs": int(of.sum()), "auc": alone, "auc_with_context": both}
    return found


def _model(effects: np.ndarray, names: Sequence[str], gain: dict[str, dict[str, float]]) -> ContextModel:
    by_name = {name: round(float(value), 4) for name, value in zip(names, effects, strict=True)}

    def of(kind: str) -> dict[str, float]:
        return {name.partition(" ")[2]: value for name, value in by_name.items() if name.startswith(f"{kind} ")}

    return ContextModel(KNOTS, tuple(of("age").values()), of("sex"), of("site"), gain)
