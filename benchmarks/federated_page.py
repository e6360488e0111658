"""The table of docs/federated.md, from the results of ``python -m benchmarks federated``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import table
from train.reports.markdown import escaped, write_between
from train.reports.markdown import table as markdown_table

MARKS = ("<!-- figures: written by python -m benchmarks federated -->", "<!-- end of figures -->")
TOGETHER, ALONE = "all photographs together", " alone"
FEDERATED = {
    "shared": "federated, shared batch norm",
    "local": "federated, local batch norm",
    "fedprox": "federated, fedprox",
}


def write_page(page: Path = table.ROOT / "docs/federated.md", results: Path | None = None) -> None:
    """Renew what stands between the page's marks. results: a folder; None for ``table.RESULTS``."""
    folder = results or table.RESULTS
    write_between(page, {MARKS[0]: text(folder)}, MARKS[1])


def text(results: Path) -> str:
    """What stands between the marks: at what size it was measured, the AUCs, and the rounds."""
    if not (results / "federated_rounds.csv").is_file():  # written last
        return table.NOT_YET
    found, rounds = (pd.read_csv(results / f"{name}.csv") for name in ("federated", "federated_rounds"))
    return "\n\n".join([_size(found), _aucs(found), _rounds(rounds)])


def _size(found: pd.DataFrame) -> str:
    first, seeds = found.iloc[0], sorted(set(found["seed"]))
    sources = found.drop_duplicates("source")
    each = "; ".join(
        f"{escaped(row['source'])}: {row['training']:,} to train on, {row['photographs']:,} to validate on, "
        f"{row['malignant']:,} of these malignant"
        for _, row in sources.iterrows()
    )
    return (
        f"Measured with {len(sources)} sources ({each}), recipe `{first['recipe']}` at {first['pixels']} pixels, "
        f"{first['rounds']} rounds of one epoch (as many epochs for the others), "
        f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}. {first['machine']}."
    )


def _aucs(found: pd.DataFrame) -> str:
    """A row for each way of training, a column for each source that is judged; means over seeds."""
    sources = sorted(set(found["source"]))
    means = found.groupby(["trained on", "source"])[["auc", "low", "high"]].mean()
    alone = sorted(name for name in set(found["trained on"]) if name.endswith(ALONE))
    names = [name for name in (*alone, *FEDERATED.values(), TOGETHER) if name in set(found["trained on"])]

    def cell(name: str, source: str) -> str:
        auc, low, high = means.loc[(name, source)]
        return f"{auc:.3f} ({low:.3f}–{high:.3f})"

    rows = [
        [escaped(name), *(cell(name, source) for source in sources), f"{means.loc[name]['auc'].mean():.3f}"]
        for name in names
    ]
    head = ["trained on", *(f"AUC, {escaped(source)}" for source in sources), "mean"]
    return markdown_table(head, rows, "---|" + "---:|" * (len(head) - 1))


def _rounds(rounds: pd.DataFrame) -> str:
    """A row for each round, with the mean AUC within sources of every run, and the bytes of the first federation."""
    names = [name for name in (*FEDERATED.values(), TOGETHER) if name in set(rounds["run"])]
    aucs = rounds.groupby(["round", "run"])["validation_auc"].mean().unstack()
    of = rounds[rounds["run"] == FEDERATED["shared"]].groupby("round")
    each = (of[["bytes_sent", "bytes_received"]].mean().div(of["sites"].mean(), axis=0) / 1e6).round(1)
    rows = [
        [number, *(_known(aucs.loc[number, name], 3) for name in names), *(_known(mb, 1) for mb in each.loc[number])]
        for number in aucs.index
    ]
    head = ["round", *(f"AUC, {name}" for name in names), "MB to each site", "MB from each site"]
    return markdown_table(head, rows, "---:|" * len(head))


def _known(value: float, digits: int) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"
