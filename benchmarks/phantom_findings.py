"""Writes what phantom films show, by kind of finding, as a table that `plainfilm prepare table` reads.

    python benchmarks/phantom_findings.py RAW
    plainfilm prepare table RAW/findings.csv --out films --option observations=any --column image=path ...

The kinds (each tube by itself, rib fractures, nodules) are finer than the observations of any labeller, and
they come from the truth, not from reports. RAW is a phantom corpus in the layout of MIMIC-CXR-JPG; only its
frontal films are listed, its test patients as validation, and kinds with fewer than 25 studies are left out.
The whole command is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

FEWEST = 25


def main() -> None:
    """Write RAW/findings.csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    raw: Path = parser.parse_args().raw
    names = ("findings", "films", "studies")
    findings, films, studies = (pd.read_parquet(raw / "truth" / f"{name}.parquet") for name in names)
    shown = pd.crosstab(findings["study_id"], findings["kind"]).clip(upper=1)
    shown = shown.loc[:, shown.sum() >= FEWEST]
    paths = {file.stem: file.relative_to(raw).as_posix() for file in raw.rglob("*.jpg")}
    table = films[films["view"] != "LATERAL"].merge(
        studies[["study_id", "patient_id", "split"]], on="study_id"
    )
    table = table.assign(path=table["film_id"].map(paths), split=table["split"].replace("test", "validation"))
    table = table.join(shown, on="study_id").fillna(dict.fromkeys(shown, 0)).astype(dict.fromkeys(shown, int))
    columns = ["path", "patient_id", "study_id", "split", "view"]
    table[[*columns, *shown]].to_csv(raw / "findings.csv", index=False)
    roles = zip(("image", "patient", "study", "split", "view"), columns, strict=True)
    stated = " ".join(f"--column {role}={header}" for role, header in roles)
    print(
        f"plainfilm prepare table {raw / 'findings.csv'} --out films --option observations=any {stated} "
        f"--column labels={','.join(shown)}"
    )


if __name__ == "__main__":
    main()
