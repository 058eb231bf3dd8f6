"""The claims about representations: their numbers by hand, and when the measures decide."""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polymath.evaluation.claims import decide
from polymath.evaluation.comparisons import HALFWAY
from polymath.evaluation.rate_sensitivity import AT_EDGE, ONE_RATE
from polymath.evaluation.similarity_claim import (
    AGREEING,
    FALLS,
    OTHER_SIGN,
    RANDOM_TOO,
    SEEDS_ALONE,
    changes_by_tuning,
    excesses_over_null,
    similarity_rows,
)
from polymath.experiment.representation_studies import CENTRINGS
from support.tables import table

KEY = ["pair", "state", "replicate_a", "layer_a", "layer_b", "centring", "measure"]
MATCHED = {0: 0, 2: 1, 4: 2}  # of a text model of 4 layers and a protein model of 2


def similarities(
    lifts: Mapping[str, float], null: float = 0.1, replicates: int = 6, seed: int = 0
) -> pd.DataFrame:
    """Return random similarities, in which fine-tuning lifts the text model by measure."""
    generator = np.random.default_rng(seed)
    keys = product(
        ("text-domain", "scratch-domain", "text-scratch"), ("initial", "fine-tuned"),
        range(replicates), range(5), range(3), CENTRINGS, AGREEING,
    )  # fmt: skip
    rows = []
    for key in keys:
        pair, state, _, layer_a, layer_b, centring, measure = key
        matched = MATCHED.get(layer_a) == layer_b
        judged = matched and centring == "position"
        lifted = (pair, state) == ("text-domain", "fine-tuned") and judged
        value = 0.5 + 0.01 * generator.normal() + lifted * lifts.get(measure, 0)
        rows.append({**dict(zip(KEY, key, strict=True)), "task": "amp", "mapping": "random",
                     "model_a": "text-bert", "model_b": "protein-bert", "matched": matched,
                     "value": value, "null_high": null if judged else np.nan})  # fmt: skip
    table = pd.DataFrame(rows)
    # Neither the embeddings' output nor layers at different depths count.
    return table.assign(
        value=table["value"].mask((table["layer_a"] == 0) | ~table["matched"], 99.0)
    )


def qualified(qualifier: str) -> pd.DataFrame:
    """Return the comparison of the same models' test scores, and one of other models."""
    row = {"task": "amp", "mapping": "random", "model": "text-bert", "against": HALFWAY,
           "reference_model": "protein-bert", "fraction": "1", "qualifier": qualifier}  # fmt: skip
    others = {"model": "other-bert"}, {"fraction": "0.1"}
    # The study is of the recipe named first.
    return pd.DataFrame([*({**row, **each, "qualifier": AT_EDGE} for each in others),
                         row, {**row, "qualifier": AT_EDGE}])  # fmt: skip


def row_of(claim: str, table: pd.DataFrame, qualifier: str = "") -> dict[str, Any]:
    rows = similarity_rows(table, qualified(qualifier))
    (row,) = (row for row in rows if row["claim"] == claim)
    return row


def test_the_rates_of_fine_tuning_qualify_what_it_changes_and_not_what_was_there_before() -> None:
    table = similarities({"cka": 0.2})
    similar = row_of("similar", table, ONE_RATE)["qualifier"]
    assert similar.startswith(f"{ONE_RATE}, {SEEDS_ALONE}")
    assert AT_EDGE not in similar
    assert row_of("similar", table)["qualifier"].startswith(SEEDS_ALONE)
    assert ONE_RATE not in row_of("shared", table, ONE_RATE)["qualifier"]
    assert SEEDS_ALONE in row_of("shared", table, ONE_RATE)["qualifier"]


def test_measures_that_turn_in_another_view_are_named() -> None:
    said = OTHER_SIGN.format(measures="CKA", view="token means are taken out")
    assert row_of("similar", _only_cka_turned())["qualifier"] == f"{SEEDS_ALONE}, {said}"


def _only_cka_turned() -> pd.DataFrame:
    """Return similarities that rise in every view by every measure, but for CKA in one view."""
    table = similarities({})
    text = (table["pair"] == "text-domain") & (table["state"] == "fine-tuned")
    turned = (table["centring"] == "token") & (table["measure"] == "cka")
    return table.assign(value=table["value"] + text * np.where(turned, -0.2, 0.2))


def test_a_similarity_that_falls_less_than_random_weights_says_that_it_falls() -> None:
    table = similarities({})
    tuned = table["state"] == "fine-tuned"
    falls = -0.1 * (tuned & (table["pair"] == "text-domain"))
    falls -= 0.3 * (tuned & (table["pair"] == "scratch-domain"))
    row = row_of("similar", table.assign(value=table["value"] + falls))
    assert row["value"] > 0
    assert FALLS in row["qualifier"]
    assert FALLS not in row_of("similar", _only_cka_turned())["qualifier"]


def test_the_change_is_the_difference_of_differences_over_depth() -> None:
    table = similarities({"cka": 0.2})
    cells = table.set_index(KEY)["value"]

    def mean(pair: str, state: str, replicate: int) -> float:
        return float(
            np.mean([cells[pair, state, replicate, a, b, "position", "cka"]
                     for a, b in MATCHED.items() if a > 0])
        )  # fmt: skip

    expected = [
        mean("text-domain", "fine-tuned", replicate) - mean("text-domain", "initial", replicate)
        - mean("scratch-domain", "fine-tuned", replicate)
        + mean("scratch-domain", "initial", replicate)
        for replicate in range(6)
    ]  # fmt: skip
    row = row_of("similar", table)
    assert row["differences"] == pytest.approx(expected)
    assert row["value"] == pytest.approx(np.mean(expected))
    assert (row["task"], row["model"], row["reference"]) == ("amp", "text-bert", "protein-bert")
    changes = changes_by_tuning(table)
    assert len(changes) == 6 * len(CENTRINGS) * len(AGREEING)
    is_judged = (changes["centring"] == "position") & (changes["measure"] == "cka")
    judged = changes[is_judged].set_index("replicate")
    assert judged["number"].to_numpy() == pytest.approx(expected)
    assert judged["text_before"][3] == pytest.approx(mean("text-domain", "initial", 3))


def test_what_is_shared_is_above_the_null_before_fine_tuning() -> None:
    row = row_of("shared", similarities({"cka": 9.0}, null=0.3))
    assert row["value"] == pytest.approx(0.2, abs=0.01)
    assert len(row["differences"]) == 6
    excesses = excesses_over_null(similarities({}, null=0.3))
    assert len(excesses) == 2 * 2 * 6 * len(AGREEING)  # arms, states, replicates
    assert excesses["number"].to_numpy() == pytest.approx(excesses["value"] - 0.3)


@pytest.mark.parametrize(
    ("lifts", "verdict"),
    [
        ((0.2, 0.2, 0.2), "supported"),
        ((-0.2, -0.2, -0.2), "contradicted"),
        ((0.2, 0.2, -0.2), "undecided"),
        ((0.2, -0.2, 0.2), "undecided"),
        ((-0.2, 0.2, 0.2), "undecided"),
    ],
)
def test_a_change_is_judged_where_all_three_measures_agree_in_sign(
    lifts: tuple[float, ...], verdict: str
) -> None:
    row = row_of("similar", similarities(dict(zip(AGREEING, lifts, strict=True))))
    assert row["value"] == pytest.approx(lifts[0], abs=0.02)
    assert decide(table([row], "claims"))["verdict"].tolist() == [verdict]
    assert row["reason"].startswith("the measures disagree") is (verdict == "undecided")
    if row["reason"]:
        assert f"CKA {row['value']:+.3f}" in row["reason"]


def test_a_model_at_the_level_of_the_null_shares_nothing() -> None:
    row = row_of("shared", similarities({}, null=0.9))
    assert row["value"] < 0
    assert row["reason"] == ""


@pytest.mark.parametrize(
    ("level", "qualifier"), [(0.5, f"{RANDOM_TOO}, {SEEDS_ALONE}"), (0.05, SEEDS_ALONE)]
)
def test_random_weights_that_share_more_than_chance_too_qualify_the_verdict(
    level: float, qualifier: str
) -> None:
    table = similarities({}, null=0.1)
    random = (table["pair"] == "scratch-domain") & table["matched"] & (table["layer_a"] > 0)
    row = row_of("shared", table.assign(value=table["value"].mask(random, level)))
    assert row["qualifier"] == qualifier
    assert row["value"] == pytest.approx(0.4, abs=0.01)
    assert RANDOM_TOO not in row_of("similar", table)["qualifier"]


def test_a_replicate_without_a_fine_tuned_model_does_not_count() -> None:
    table = similarities({"cka": 0.2})
    gone = (table["state"] == "fine-tuned") & (table["replicate_a"] == 2)
    table = table[~(gone & (table["pair"] == "scratch-domain"))]
    assert row_of("similar", table)["n"] == 5
    assert row_of("shared", table)["n"] == 6
    before = table[table["state"] == "initial"]
    assert [row["claim"] for row in similarity_rows(before, qualified(""))] == ["shared"]
    assert changes_by_tuning(before).empty
