"""A metrics.json written by hand that has every key, small enough to check by eye. No figure in it was measured."""

from skin_model.diagnoses import DIAGNOSES


def figure(value, low=None, high=None, *, few=False):
    found = {
        "value": value,
        "low": value - 0.02 if low is None else low,
        "high": value + 0.02 if high is None else high,
    }
    return found | ({"too_few": True} if few else {})


def measured(sensitivity, specificity, auc, *, malignant=50, benign=150, few=False):
    """What ``train.evaluation.metrics.measure`` returns for one set: figures, counts, bands, diagnoses and curves."""
    caught, cleared = round(sensitivity * malignant), round(specificity * benign)
    names = ("auc_without_refused", "auc_melanoma", "average_precision", "specificity_at_95_sensitivity", "precision")
    names += ("f1", "accuracy", "balanced_accuracy", "ece", "ece_raw", "brier", "brier_shifted")
    return {
        "n": malignant + benign,
        "n_malignant": malignant,
        "n_groups": malignant + benign - 10,
        "n_malignant_groups": malignant - 5,
        "n_refused": 3,
        "n_refused_malignant": 1,
        "n_unreadable": 0,
        "too_few": few,
        "auc": figure(auc, few=few),
        "sensitivity": figure(sensitivity, few=few),
        "specificity": figure(specificity, few=few),
        **{name: figure(0.3 + i / 20, few=few) for i, name in enumerate(names)},
        "confusion": {
            "true_negative": cleared,
            "false_positive": benign - cleared,
            "false_negative": malignant - caught,
            "true_positive": caught,
        },
        "bands": {
            "low": {"malignant": 2, "benign": 100},
            "raised": {"malignant": 8, "benign": 20},
            "high": {"malignant": 30, "benign": 10},
            "cannot_tell": {"malignant": 10, "benign": 20},
        },
        "diagnoses": seven_diagnoses(),
        "curves": {
            "roc": {"false_positive_rate": [0, 0.1, 0.4, 1], "sensitivity": [0, 0.7, 0.9, 1]},
            "precision_recall": {"recall": [1, 0.7, 0.2, 0], "precision": [0.25, 0.6, 0.9, 1]},
            "operating_points": {"threshold": [0, 0.5, 1], "sensitivity": [1, 0.8, 0], "specificity": [0, 0.7, 1]},
            "reliability": {
                name: {"mean_risk": [0.1, 0.5], "malignant_share": [0.1 + gap, 0.5 - gap], "n": [150, 50]}
                for name, gap in (("uncalibrated", 0.2), ("calibrated", 0.1), ("at_own_prevalence", 0.0))
            },
        },
    }


def seven_diagnoses():
    averages = {name: figure(0.6) for name in ("precision", "recall", "f1")}
    counts = [[8 if i == j else 1 for j in range(7)] for i in range(6)] + [[0] * 7]
    return {
        "n": 84,
        "n_groups": 80,
        "labels": list(DIAGNOSES),
        "per_class": {
            code: {"precision": figure(0.5), "recall": figure(0.4), "f1": figure(0.44), "support": sum(counts[i])}
            for i, code in enumerate(DIAGNOSES)
        },
        "macro": averages,
        "weighted": averages,
        "accuracy": figure(0.7),
        "balanced_accuracy": figure(0.65),
        "top_2": figure(0.85),
        "top_3": figure(0.91),
        "confusion": counts,
    }


def operating_point(threshold, sensitivity, specificity):
    """As ``train.evaluation.operating_points`` writes it; flagged per cancer is worked out as (tp + fp) / tp."""
    prevalences = []
    for prevalence in (0.001, 0.02, 0.1, 0.2):
        tp, fp = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
        tn, fn = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
        flagged = (tp + fp) / tp
        prevalences.append(
            {
                "prevalence": prevalence,
                "ppv": figure(tp / (tp + fp), 0.9 * tp / (tp + fp), 1.1 * tp / (tp + fp)),
                "npv": figure(tn / (tn + fn), tn / (tn + 2 * fn), 1 - 0.5 * fn / (tn + fn)),
                "flagged_per_cancer": figure(flagged, 0.9 * flagged, 1.1 * flagged),
            }
        )
    return {
        "threshold": threshold,
        "sensitivity": figure(sensitivity),
        "specificity": figure(specificity),
        "prevalences": prevalences,
    }


def refused(n, not_skin=0, unfamiliar=0):
    """As ``train.evaluation.refusals`` writes it, with an interval from half the share to twice as much."""
    share = (not_skin + unfamiliar) / n if n else None
    return {
        "n": n,
        "n_refused": not_skin + unfamiliar,
        "n_not_skin": not_skin,
        "n_unfamiliar": unfamiliar,
        "share": figure(share, share / 2, 2 * share) if n else None,
    }


def full_metrics():
    """clinic_a is judged and good, clinic_b judged and worse, phones too few; every optional key is there."""
    names = {"clinic_a:dermoscopic": "first", "clinic_b:dermoscopic": "second", "phones:smartphone": "third"}
    sets = {
        "clinic_a:dermoscopic": measured(0.96, 0.62, 0.91),
        "clinic_b:dermoscopic": measured(0.76, 0.5, 0.74),
        "phones:smartphone": measured(0.9, 0.4, 0.83, malignant=10, benign=20, few=True),
    }
    families = {
        family: {"sources": [name.split(":")[0]], "source_only_auc": figure(0.5), **sets[name]}
        for name, family in names.items()
    }
    group = {"n": 90, "n_malignant": 30, "n_groups": 80, "auc": figure(0.8), "sensitivity": figure(0.9)}
    group |= {"specificity": figure(0.6), "too_few": False}
    dark = {"n": 4, "n_malignant": 1, "n_groups": 4, "auc": None, "sensitivity": figure(1.0, 1.0, 1.0, few=True)}
    dark |= {"specificity": figure(0.5, 0.0, 1.0, few=True), "too_few": True}
    benign_only = {**group, "n_malignant": 0, "auc": None, "sensitivity": None}
    both = {"low": operating_point(0.06, 0.9, 0.6), "high": operating_point(0.3, 0.6, 0.9)}
    points = [{"threshold": t / 10, "net_benefit": 0.13 - t / 60, "refer_all": 0.15 - t / 20} for t in range(6)]
    coverage = [
        {"coverage": 1 - i / 10, "sensitivity": 0.9 + i / 100, "specificity": 0.6 + i / 30, "auc": 0.9 + i / 110}
        for i in range(9)
    ]
    coverage.append({"coverage": 0.1, "sensitivity": None, "specificity": 0.95, "auc": None})
    row = {"auc": figure(0.52), "n": 400, "n_malignant": 110}
    maps = ("pointing_game", "energy_inside", "deletion", "insertion", "randomisation", "infidelity")
    return {
        "schema": 1,
        "checkpoint": {"architecture": "tf_mobilenetv3_small_100", "version": "0.1.0", "hash": "abcdef123456"},
        "data": {
            "split": "test",
            "split_sha256": "0123456789abcdef" * 4,
            "rows_sha256": "fedcba9876543210" * 4,
            "n": 430,
            "unreadable": [],
        },
        "command": "python -m train evaluate --checkpoint CHECKPOINT --work WORK --split test --out REPORT",
        "seed": 7,
        "resamples": 1000,
        "threshold": 0.06,
        "reference_prevalence": 0.15,
        "warnings": [],
        "sets": sets,
        "families": families,
        "pooled": {
            "sources": ["clinic_a", "clinic_b", "phones"],
            "source_only_auc": figure(0.6),
            **measured(0.9, 0.6, 0.8),
        },
        "source_only_auc": figure(0.6),
        "refused": {
            "all": refused(430, 6, 3),
            "by_source": {"clinic_a": refused(200, 2, 1), "clinic_b": refused(200, 2, 1), "phones": refused(30, 2, 1)},
            "by_modality": {"dermoscopic": refused(400, 4, 2), "smartphone": refused(30, 2, 1)},
            "by_skin_tone": {"2": refused(26), "5": refused(4, 0, 1), "unknown": refused(400, 6, 2)},
        },
        "refused_malignant": {
            "all": refused(110, 0, 3),
            "by_source": {"clinic_a": refused(50, 0, 1), "clinic_b": refused(50, 0, 1), "phones": refused(10, 0, 1)},
            "by_modality": {"dermoscopic": refused(100, 0, 2), "smartphone": refused(10, 0, 1)},
            "by_skin_tone": {"2": refused(5), "5": refused(0), "unknown": refused(105, 0, 3)},
        },
        "operating": dict.fromkeys(("first", "second", "third", "all"), both),
        "decision_curves": {
            name: {"prevalence": 0.15, "points": points} for name in ("first", "second", "third", "all")
        },
        "subgroups": {
            "source": {"clinic_a": group, "clinic_b": group, "phones": group},
            "modality": {"dermoscopic": group, "smartphone": group},
            "diagnosis": {"mel": {**group, "auc": None, "specificity": None}, "nv": benign_only},
            "confirmed_by": {"histo": group, "unknown": group},
            "age_band": {"under 30": group, "75 and over": group},
            "sex": {"female": group, "male": group, "unknown": group},
            "site": {"back": group, "face": group},
            "fitzpatrick": {"2": group, "5": dark, "unknown": group},
        },
        "abstention": {
            "risk_coverage": {"first": coverage, "second": coverage, "all": coverage},
            "conformal": {
                "clinic_a": {
                    "malignant": {"n": 50, "coverage": figure(0.92), "cannot_tell": figure(0.2)},
                    "benign": {"n": 150, "coverage": figure(0.89), "cannot_tell": figure(0.25)},
                }
            },
        },
        "robustness": {
            "n": 400,
            "n_malignant": 110,
            "threshold": 0.06,
            "auc": figure(0.88),
            "alterations": {
                "dark_circle": {
                    "mean_abs_change": figure(0.02),
                    "flips": figure(0.03, 0.01, 0.05),
                    "auc": figure(0.875),
                    "auc_change": figure(-0.005, -0.012, 0.003),
                },
                "ink": {
                    "mean_abs_change": figure(0.05),
                    "flips": figure(0.08, 0.06, 0.11),
                    "auc": figure(0.85),
                    "auc_change": figure(-0.03, -0.05, -0.01),
                },
            },
        },
        "adversarial": {
            "n": 500,
            "n_malignant": 120,
            "threshold": 0.06,
            "auc": figure(0.88),
            "attacks": {
                "fgsm": {
                    "1": {
                        "auc": figure(0.6),
                        "auc_change": figure(-0.28, -0.3, -0.26),
                        "talked_down": figure(0.31),
                        "talked_up": figure(0.42),
                    }
                }
            },
        },
        "saliency": {
            "n": 60,
            "methods": {
                name: {of: figure(0.2 + i / 10 + j / 50) for j, of in enumerate(maps)}
                for i, name in enumerate(("grad_cam", "integrated_gradients", "occlusion"))
            },
            "random": {of: figure(0.3) for of in maps},
            "area": figure(0.24),
            "best": "grad_cam",
        },
        "shortcuts": {
            "source": {**row, "auc": figure(0.77), "verdict": "watch", "says": "Sources differ in prevalence."},
            "border": {
                **row,
                "pooled": figure(0.61),
                "within": figure(0.52),
                "verdict": "fine",
                "says": "A dark border says nothing.",
            },
            "file_size": {
                **row,
                "auc": figure(0.93),
                "verdict": "leak",
                "says": "The size of the file says malignant.",
            },
            "protocol": "Fitted on train, scored on test.",
            "crossing": {"groups": 0, "lesions": None, "patients": 2, "near_duplicates": 1},
            "not_measured": {},
            "n_unopened": 0,
            "command": "python -m train evaluate --checkpoint CHECKPOINT --work WORK --split test --full --out REPORT",
            "seed": 7,
        },
    }
