"""Verdicts by one rule: from tables with known differences, and from none."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.claim_rows import ABOVE_DOMAIN, NO_GAIN
from polymath.evaluation.claims import (
    CLAIMS,
    FEW_PAIRS,
    LEAST_PAIRS,
    NO_RANDOM_WEIGHTS,
    RULE,
    ClaimFiles,
    Tables,
    decide,
    judge,
)
from polymath.evaluation.comparisons import HALFWAY
from polymath.evaluation.mean_test import detectable_difference, t_test
from polymath.evaluation.rate_sensitivity import AT_EDGE, ONE_RATE
from polymath.evaluation.similarity_claim import NOT_MEASURED
from polymath.evaluation.statistics import sign_flip_p
from polymath.experiment.lineage import Lineage
from polymath.util.storage import read_json, read_metadata, read_table
from support.tables import table, write

LINEAGE = Lineage(domains={"text-bert": "text", "protein-bert": "protein"}, bases={})
SIX = np.array([0.05, 0.06, 0.04, 0.07, 0.05, 0.03])


def asked(*differences: Any, claim: str = "better", **changes: Any) -> pd.DataFrame:
    """Return rows of a claim as tasks of one family."""
    rows = [
        {"claim": claim, "task": f"task {place}", "model": "text-bert", "reference": "scratch",
         "fraction": "1", "recipe": "default", "value": np.mean(one), "n": len(one),
         "shared_error": 0.0, "differences": one, "reason": "", "qualifier": "", **changes}
        for place, one in enumerate(differences)
    ]  # fmt: skip
    return table(rows, "claims")


def verdicts(*differences: Any, **changes: Any) -> list[str]:
    return list(decide(asked(*differences, **changes))["verdict"])


def test_below_the_least_number_of_pairs_a_task_is_undecided_however_clear() -> None:
    assert verdicts(SIX[:LEAST_PAIRS]) == ["supported"]
    table = decide(asked(SIX[: LEAST_PAIRS - 1]))
    assert list(table["verdict"]) == ["undecided"]
    assert str(LEAST_PAIRS) in table["reason"][0]
    assert table["p"][0] < 0.05


def test_test_items_decide_with_the_seeds() -> None:
    """Eight seeds agree on 88 items, of which another 88 may say something else."""
    table = decide(asked(SIX, shared_error=0.04, shared_df=87))
    test = t_test(SIX, 0.04, 87)
    (row,) = table.to_dict("records")
    assert (row["p"], row["low"], row["high"]) == (test.p, test.low, test.high)
    assert row["low"] < 0 < row["seeds_low"]
    assert row["sign_flip_p"] == sign_flip_p(SIX) < 0.05
    assert row["verdict"] == "undecided"
    assert row["detectable"] > decide(asked(SIX))["detectable"][0]


def test_a_family_is_corrected_whatever_the_recipes_and_references_of_its_tasks() -> None:
    rows = asked(SIX, SIX, SIX)
    rows["recipe"], rows["reference"] = ["a", "b", "c"], ["x", "y", "z"]
    table = decide(rows)
    assert list(table["tests"]) == [3, 3, 3]
    assert list(table["p_holm"]) == pytest.approx(list(3 * table["p"]))
    error, df = table.loc[0, ["error", "df"]]
    assert table["detectable"][0] == detectable_difference(error, df, 3)
    apart = rows.assign(fraction=["1", "0.1", "0.01"])
    assert list(decide(apart)["tests"]) == [1, 1, 1]


def test_a_difference_that_chance_explains_is_undecided() -> None:
    table = decide(asked(SIX * [1, 1, -1, 1, -1, 1]))
    assert list(table["verdict"]) == ["undecided"]
    assert table["reason"][0] == f"p = {table['p_holm'][0]:.4f}"
    assert table["p_holm"][0] > 0.05


def test_pairs_that_do_not_vary_are_undecided() -> None:
    assert verdicts(np.full(6, 0.1)) == verdicts(np.zeros(6)) == ["undecided"]


def test_what_hinders_a_verdict_is_reported_and_not_tested() -> None:
    table = asked(SIX, SIX)
    table.loc[1, "reason"] = "2 replicates diverged"
    decided = decide(table)
    assert list(decided["verdict"]) == ["supported", "undecided"]
    assert np.isnan(decided["p"][1])
    table.loc[1, ["n", "reason"]] = 0, "6 replicates diverged"
    assert decide(table)["tests"][0] == 2
    assert decide(asked(SIX, np.full(6, 0.1)))["tests"][0] == 2  # pairs that do not vary
    # Results that keep a task from a test leave as many tests to correct for as were planned.
    assert decided["tests"][0] == 2
    assert decided["p_holm"][0] == pytest.approx(2 * decided["p"][0])
    assert decided["low"][1] == decided["low"][0]  # its interval is shown all the same
    assert decided["reason"][1] == "2 replicates diverged"


def compared(task: str, against: str, differences: Any, **changes: Any) -> dict[str, Any]:
    domain = {"amp": "protein", "splice": "dna", "reuters": "text"}.get(task, "text")
    return {"task": task, "domain": domain, "model": "text-bert", "init": "pretrained",
            "mapping": "random", "fraction": "1", "recipe": "default", "against": against,
            "reference_model": "text-bert" if against == "scratch" else "protein-bert",
            "reference_mapping": "character", "qualifier": ONE_RATE, "items": 300, "groups": 200,
            "n": len(differences), "difference": np.mean(differences), "chance": 0.5,
            "mean": 0.8 + np.mean(differences), "reference_mean": 0.8,
            "lead": np.mean(differences), "target": 0.7, "items_low": -0.5, "items_high": 0.5,
            "items_error": 0.001, "target_error": 0.001, "diverged": 0, "domain_gain_low": 0.05,
            "differences": differences, **changes}  # fmt: skip


def judged(
    folder: Path,
    rows: list[dict[str, Any]],
    similarity: Path | None = None,
    crossed: dict[str, int] | None = None,
    baselines: tuple[str, ...] = (),
) -> Any:
    tasks = {row["task"]: row["domain"] for row in rows} or {"splice": "dna"}
    estimates = [{"task": task, "domain": domain} for task, domain in tasks.items()]
    estimates += [{"task": task, "domain": tasks[task], "init": "none"} for task in baselines]
    tables = Tables(
        write(estimates, "estimates", folder),
        write(rows, "comparisons", folder),
        write([row for row in rows if row["against"] == "scratch"], "convergence", folder),
        similarity,
    )  # fmt: skip
    files = ClaimFiles(*(folder / name for name in ("claims", "families", "looks.json")))
    judge(tables, LINEAGE, crossed or {}, files)
    return read_table(files.claims).set_index(["claim", "task"])


def families(folder: Path) -> pd.DataFrame:
    return read_table(folder / "families").set_index("claim")


def halfway(
    task: str, differences: Any, below: float = 0.1, **changes: Any
) -> list[dict[str, Any]]:
    """Return a comparison with an in-domain model, and the one with the midpoint below it."""
    midpoint = compared(task, HALFWAY, differences, reference_mean=0.7, **changes)
    return [compared(task, "in-domain", differences - below), midpoint]


def test_every_claim_has_a_verdict_for_every_task(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [compared("amp", "scratch", SIX), *halfway("amp", SIX / 2),
         compared("splice", "scratch", -SIX)],
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
    assert reasons["near in-domain", "splice"] == CLAIMS["near in-domain"].untested
    assert {name: reasons[name, "amp"] for name in NOT_MEASURED} == NOT_MEASURED
    assert read_metadata(tmp_path / "claims")["rule"] == RULE
    assert set(table.loc["better", "items"]) == {300}
    assert table["items"].isna().loc["faster"].all()  # dev items are not resampled


def test_claims_are_of_text_models_that_meet_symbols_new_to_them(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [compared("amp", "scratch", SIX, model="protein-bert"),
         compared("splice", "scratch", SIX, init="re-emb"),
         compared("reuters", "scratch", SIX, mapping="identity")],
    )  # fmt: skip
    assert set(table.loc["better", "reason"]) == {NO_RANDOM_WEIGHTS}
    # Text as it is has a verdict of its own.
    assert table.loc["as it is", "verdict"].to_dict() == {"reuters": "supported"}
    assert list(families(tmp_path).index) == ["as it is"]


def test_slightly_below_is_above_the_midpoint_of_both_references(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [*halfway("amp", SIX), *halfway("splice", -SIX, qualifier=AT_EDGE),
         *halfway("h3", SIX, below=0.0)],
    )  # fmt: skip
    near = table.loc["near in-domain"]
    assert list(near["verdict"]) == ["supported", "contradicted", "supported"]
    assert list(near["qualifier"]) == [ONE_RATE, AT_EDGE, f"{ONE_RATE}, {ABOVE_DOMAIN}"]
    assert near.loc["amp", "value"] == pytest.approx(SIX.mean())
    assert set(near["reference"]) == {"protein-bert"}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([compared("amp", "in-domain", SIX)], "no random weights beside the in-domain model"),
        (halfway("amp", SIX, domain_gain_low=-0.001), NO_GAIN),
        (halfway("amp", SIX, domain_gain_low=np.nan), NO_GAIN),
        # More replicates are the first thing to ask for.
        (halfway("amp", SIX[:3], domain_gain_low=np.nan), FEW_PAIRS),
    ],
)  # fmt: skip
def test_unless_the_in_domain_model_is_shown_to_gain_nothing_is_slight(
    rows: list[dict[str, Any]], reason: str, tmp_path: Path
) -> None:
    found = judged(tmp_path, rows).loc[("near in-domain", "amp")]
    assert (found["verdict"], found["reason"]) == ("undecided", reason)


def test_divergence_and_arms_at_chance_hinder(tmp_path: Path) -> None:
    table = judged(
        tmp_path,
        [compared("amp", "scratch", SIX, diverged=2),
         compared("splice", "scratch", SIX, lead=np.nan, target=np.nan),
         compared("reuters", "scratch", SIX, lead=np.nan)],
    )  # fmt: skip
    assert table.loc[("better", "amp"), "reason"] == "2 replicates diverged"
    assert table.loc[("faster", "amp"), "verdict"] == "supported"  # censored, not dropped
    assert table.loc[("faster", "splice"), "reason"] == "neither arm left chance level"
    assert table.loc[("faster", "reuters"), "reason"] == "one arm did not leave chance level"
    better = families(tmp_path).loc["better"]
    assert (better["tasks"], better["members"]) == (2, "splice, reuters")
    assert better["left_out"] == "amp: 2 replicates diverged"
    table = judged(tmp_path, [compared("amp", "scratch", SIX, diverged=1)])
    assert table.loc[("better", "amp"), "reason"] == "1 replicate diverged"
    # Of speed, a run that diverged is a late one, and the rule says so.
    assert table.loc[("faster", "amp"), "verdict"] == "supported"


@pytest.mark.parametrize(
    ("reference_mean", "items_error", "verdict"),
    [(0.44, 0.0, "undecided"), (0.46, 0.0, "supported"), (0.46, np.nan, "undecided")],
)
def test_scores_at_chance_and_a_single_group_of_items_decide_nothing(
    reference_mean: float, items_error: float, verdict: str, tmp_path: Path
) -> None:
    row = compared("amp", "scratch", SIX, reference_mean=reference_mean,
                   mean=reference_mean + np.mean(SIX), items_error=items_error)  # fmt: skip
    assert judged(tmp_path, [row]).loc[("better", "amp"), "verdict"] == verdict


@pytest.mark.parametrize(
    ("crossed", "verdict"),
    [({"init": 3, "mapping": 2}, "undecided"), ({"init": 6, "mapping": 1}, "supported")],
)
def test_replicates_that_share_seeds_decide_nothing(
    crossed: dict[str, int], verdict: str, tmp_path: Path
) -> None:
    table = judged(tmp_path, [compared("amp", "scratch", SIX)], crossed=crossed)
    assert table.loc[("better", "amp"), "verdict"] == verdict
    together = families(tmp_path).loc["better"]
    assert together["verdict"] == verdict
    assert together["tasks"] == (verdict == "supported")


def test_the_test_of_a_claim_has_the_degrees_of_freedom_of_what_is_shared(tmp_path: Path) -> None:
    """Of scores these are groups of test items, of speed the runs whose ends make the target."""
    row = compared("amp", "scratch", SIX, items_error=0.04, target_error=0.03)
    table = judged(tmp_path, [row])
    assert table.loc[("better", "amp"), "p"] == t_test(SIX, 0.04, row["groups"] - 1).p
    assert table.loc[("faster", "amp"), "p"] == t_test(SIX, 0.03, len(SIX) - 1).p


def test_tasks_together_are_contradicted_on_the_other_side(tmp_path: Path) -> None:
    judged(tmp_path, [compared("amp", "scratch", -SIX)])
    assert families(tmp_path).loc["better", "verdict"] == "contradicted"


def test_the_interval_of_tasks_together_is_on_their_scale(tmp_path: Path) -> None:
    """Seeds that agree leave the error of the test items, here of half the scale."""
    judged(tmp_path, [compared("amp", "scratch", np.full(6, 0.05), items_error=0.02)])
    better = families(tmp_path).loc["better"]
    assert better["iqm_high"] - better["iqm_low"] == pytest.approx(2 * 1.96 * 0.04, rel=0.05)


def test_tasks_of_both_signs_have_no_verdict_against_the_number_shown(tmp_path: Path) -> None:
    """Five tasks that scatter little outvote, in the test, two that lose far more."""
    rise, fall = 0.001 * np.ones(6) + 0.0001 * SIX, -0.3 * np.ones(6) + SIX
    rows = [compared(task, "scratch", rise, items_error=0.0) for task in "abcde"]
    rows += [compared(task, "scratch", fall, items_error=0.0) for task in "xy"]
    judged(tmp_path, rows)
    better = families(tmp_path).loc["better"]
    assert better["p"] < 0.05
    assert better["iqm"] < 0
    assert better["verdict"] == "undecided"
    assert "both signs" in better["reason"]


def test_the_verdict_together_names_the_tasks_of_its_qualifiers(tmp_path: Path) -> None:
    tasks = {"amp": "", "splice": AT_EDGE, "reuters": AT_EDGE, "sst2": ONE_RATE}
    rows = [compared(task, "scratch", SIX, qualifier=each) for task, each in tasks.items()]
    judged(tmp_path, rows, baselines=tuple(tasks))
    qualifier = families(tmp_path).loc["better", "qualifier"]
    assert qualifier == f"{AT_EDGE} for splice and reuters, {ONE_RATE} for sst2"


def test_three_replicates_decide_the_tasks_together(tmp_path: Path) -> None:
    rows = [compared(task, "scratch", SIX[:3]) for task in ("amp", "splice", "reuters")]
    table = judged(tmp_path, rows, baselines=("amp", "splice"))
    assert set(table.loc["better", "verdict"]) == {"undecided"}
    better = families(tmp_path).loc["better"]
    assert better["verdict"] == "supported"
    assert (better["tasks"], better["pairs"]) == (3, 9)
    assert better["p"] < 0.01
    assert better["qualifier"] == f"{ONE_RATE}, without a baseline for reuters"
    # On one scale for all tasks, where 0.5 is chance.
    assert better["iqm"] == pytest.approx(0.05 / 0.5)
    assert better["iqm_low"] < better["iqm"] < better["iqm_high"]
    assert families(tmp_path).loc["faster", "iqm"] == pytest.approx(0.05)


def test_tasks_of_several_recipes_are_one_family_unless_a_task_has_several(tmp_path: Path) -> None:
    rows = [compared("amp", "scratch", SIX, recipe="a"), compared("splice", "scratch", SIX)]
    judged(tmp_path, rows)
    assert families(tmp_path).loc["better", "recipe"] == "a, default"
    judged(tmp_path, [*rows, compared("amp", "scratch", -SIX)])
    better = families(tmp_path).loc["better"].set_index("recipe")
    assert better["members"].to_dict() == {"a": "amp", "default": "splice, amp"}


def test_looks_are_counted_at_each_new_number_of_pairs(tmp_path: Path) -> None:
    for pairs, looks in ((3, 1), (3, 1), (6, 2), (5, 3)):
        table = judged(tmp_path, [compared("amp", "scratch", SIX[:pairs])])
        assert table.loc[("better", "amp"), "looks"] == looks
    assert families(tmp_path).loc["better", "looks"] == 3
    record = read_json(tmp_path / "looks.json")
    assert set(map(tuple, record.values())) == {(3, 5, 6)}
    table = judged(tmp_path, [compared("splice", "scratch", SIX)])
    assert table.loc[("better", "splice"), "looks"] == 1


def test_without_comparisons_all_is_undecided(tmp_path: Path) -> None:
    table = judged(tmp_path, [])
    assert set(table["verdict"]) == {"undecided"}
    assert len(table) == len(CLAIMS)
