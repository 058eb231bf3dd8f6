"""Verdicts by one rule: from tables with known differences, and from none."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.claims import (
    CLAIMS,
    MARGIN,
    RULE,
    Tables,
    decide,
    judge,
)
from polymath.evaluation.similarity_claim import NOT_MEASURED
from polymath.evaluation.tables import CLAIM_SCHEMA
from polymath.evaluation.tables import COMPARISON_SCHEMA as COMPARISONS
from polymath.evaluation.tables import CONVERGENCE_SCHEMA as CONVERGENCE
from polymath.evaluation.tables import ESTIMATE_SCHEMA as ESTIMATES
from polymath.experiment.lineage import Lineage
from polymath.util.storage import read_metadata, read_table, write_table

LINEAGE = Lineage(domains={"text-bert": "text", "protein-bert": "protein"}, bases={})
SIX = np.array([0.05, 0.06, 0.04, 0.07, 0.05, 0.03])


def asked(*differences: Any, claim: str = "better", **changes: Any) -> pd.DataFrame:
    """Return rows of a claim as tasks of one family."""
    rows = [
        {"claim": claim, "task": f"task {place}", "model": "text-bert", "reference": "scratch",
         "fraction": "1", "recipe": "default", "value": np.mean(one), "n": len(one),
         "margin": CLAIMS[claim].margin, "differences": one, "reason": "", **changes}
        for place, one in enumerate(differences)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*CLAIM_SCHEMA.names, "differences"])


def verdicts(*differences: Any, **changes: Any) -> list[str]:
    return list(decide(asked(*differences, **changes))["verdict"])


def test_six_pairs_of_one_sign_decide_a_single_test_either_way() -> None:
    assert verdicts(SIX) == ["supported"]
    assert verdicts(-SIX) == ["contradicted"]


def test_fewer_pairs_than_the_test_needs_are_undecided_however_clear() -> None:
    table = decide(asked(SIX[:5]))
    assert list(table["verdict"]) == ["undecided"]
    assert list(table["reason"]) == ["5 pairs, 6 needed"]


def test_a_larger_family_needs_more_pairs() -> None:
    table = decide(asked(SIX, SIX))
    assert list(table["needed"]) == [7, 7]
    assert set(table["verdict"]) == {"undecided"}
    apart = asked(SIX, SIX)
    apart["fraction"] = ["1", "0.1"]
    assert set(decide(apart)["verdict"]) == {"supported"}


def test_a_difference_that_chance_explains_is_undecided() -> None:
    table = decide(asked(SIX * [1, 1, -1, 1, -1, 1]))
    assert list(table["verdict"]) == ["undecided"]
    assert table["reason"][0] == f"p = {table['p_holm'][0]:.3f}"
    assert table["p_holm"][0] > 0.05


def test_slightly_below_is_within_the_margin() -> None:
    near, far = -SIX / 2, -SIX - MARGIN
    assert verdicts(near, claim="near in-domain") == ["supported"]
    assert verdicts(near) == ["contradicted"]  # as a claim without a margin
    assert verdicts(far, claim="near in-domain") == ["contradicted"]
    assert verdicts(SIX, claim="near in-domain") == ["supported"]  # above is not below


def test_what_hinders_a_verdict_is_said_and_not_tested() -> None:
    table = asked(SIX, SIX)
    table.loc[1, "reason"] = "2 replicates diverged"
    decided = decide(table)
    assert list(decided["verdict"]) == ["supported", "undecided"]
    assert decided["tests"][0] == 1
    assert np.isnan(decided["p"][1])
    assert decided["reason"][1] == "2 replicates diverged"


def write(folder: Path, name: str, schema: Any, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}.parquet"
    write_table(pd.DataFrame(rows, columns=schema.names), path, schema, {})
    return path


def compared(task: str, against: str, differences: Any, **changes: Any) -> dict[str, Any]:
    domain = {"amp": "protein", "splice": "dna", "reuters": "text"}[task]
    return {"task": task, "domain": domain, "model": "text-bert", "init": "pretrained",
            "mapping": "random", "fraction": "1", "recipe": "default", "against": against,
            "reference_model": "text-bert" if against == "scratch" else "protein-bert",
            "n": len(differences), "difference": np.mean(differences), "chance": 0.5,
            "mean": 0.8 + np.mean(differences), "reference_mean": 0.8,
            "saved": np.mean(differences), "low": -1.0, "high": 1.0, "items_low": -0.5,
            "items_high": 0.5, "diverged": 0, "differences": differences, **changes}  # fmt: skip


def judged(
    folder: Path,
    rows: list[dict[str, Any]],
    similarity: Path | None = None,
    crossed: dict[str, int] | None = None,
) -> Any:
    tasks = {row["task"]: row["domain"] for row in rows} or {"splice": "dna"}
    estimates = [{"task": task, "domain": domain} for task, domain in tasks.items()]
    tables = Tables(
        write(folder, "estimates", ESTIMATES, estimates),
        write(folder, "comparisons", COMPARISONS, rows),
        write(folder, "convergence", CONVERGENCE,
              [row for row in rows if row["against"] == "scratch"]),
        similarity,
    )  # fmt: skip
    judge(tables, LINEAGE, crossed or {}, folder / "claims.parquet")
    return read_table(folder / "claims.parquet").set_index(["claim", "task"])


def test_every_claim_has_a_verdict_for_every_task(tmp_path: Path) -> None:
    seven = np.append(SIX, 0.02)
    table = judged(
        tmp_path,
        [compared("amp", "scratch", seven), compared("amp", "in-domain", -seven / 2),
         compared("splice", "scratch", -seven)],
    )  # fmt: skip
    found = {key: row["verdict"] for key, row in table.iterrows()}
    assert found == {
        ("faster", "amp"): "supported", ("faster", "splice"): "contradicted",
        ("better", "amp"): "supported", ("better", "splice"): "contradicted",
        ("near in-domain", "amp"): "supported", ("near in-domain", "splice"): "undecided",
        ("similar", "amp"): "undecided", ("similar", "splice"): "undecided",
        ("shared", "amp"): "undecided", ("shared", "splice"): "undecided",
    }  # fmt: skip
    reasons = table["reason"]
    assert reasons["near in-domain", "splice"] == "no in-domain model beside a text model"
    assert {name: reasons[name, "amp"] for name in NOT_MEASURED} == NOT_MEASURED
    assert read_metadata(tmp_path / "claims.parquet")["rule"] == RULE


def test_claims_are_of_text_models_that_meet_symbols_new_to_them(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [compared("amp", "scratch", SIX, model="protein-bert"),
         compared("splice", "scratch", SIX, init="re-emb"),
         compared("reuters", "scratch", SIX, mapping="identity")],
    )  # fmt: skip
    assert set(table.loc["better", "reason"]) == {"no text model with the same from random weights"}


def test_divergence_and_arms_at_chance_hinder(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [compared("amp", "scratch", SIX, diverged=2),
         compared("splice", "scratch", SIX, saved=np.nan)],
    )  # fmt: skip
    assert table.loc[("better", "amp"), "reason"] == "2 replicates diverged"
    assert table.loc[("faster", "amp"), "verdict"] == "supported"  # censored, not dropped
    assert table.loc[("faster", "splice"), "reason"] == "neither arm left chance level"


@pytest.mark.parametrize(
    ("against", "claim", "reference_mean", "verdict", "reason"),
    [
        ("scratch", "better", 0.44, "undecided", "neither arm left chance level"),
        ("scratch", "better", 0.46, "supported", "p = 0.031"),  # the text model left it
        ("in-domain", "near in-domain", 0.55, "undecided",
         "the in-domain model is not above chance by more than the margin"),
        ("in-domain", "near in-domain", 0.56, "supported", "p = 0.031"),
    ],
)  # fmt: skip
def test_where_nothing_was_learned_nothing_is_decided(
    against: str, claim: str, reference_mean: float, verdict: str, reason: str, tmp_path: Path
) -> None:
    row = compared("amp", against, SIX, reference_mean=reference_mean,
                   mean=reference_mean + np.mean(SIX))  # fmt: skip
    found = judged(tmp_path, [row]).loc[(claim, "amp")]
    assert (found["verdict"], found["reason"]) == (verdict, reason)


@pytest.mark.parametrize(
    ("crossed", "verdict", "reason"),
    [
        ({"init": 3, "mapping": 2}, "undecided", "crossed replicates share seeds"),
        ({"init": 6, "mapping": 1}, "supported", "p = 0.031"),  # one stream: all differ
    ],
)
def test_replicates_that_share_seeds_decide_nothing(
    crossed: dict[str, int], verdict: str, reason: str, tmp_path: Path
) -> None:
    table = judged(tmp_path, [compared("amp", "scratch", SIX)], crossed=crossed)
    row = table.loc[("better", "amp")]
    assert (row["verdict"], row["reason"]) == (verdict, reason)


def test_without_comparisons_all_is_undecided(tmp_path: Path) -> None:
    table = judged(tmp_path, [])
    assert set(table["verdict"]) == {"undecided"}
    assert len(table) == len(CLAIMS)
