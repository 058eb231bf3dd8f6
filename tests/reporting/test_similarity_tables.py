"""The tables of similarity: every measure and view, from the figures' small tables."""

import pandas as pd

from polymath.reporting.figures.layers import MEASURES
from polymath.reporting.similarity_tables import change_table, shared_table, similarity_tables
from support.figures import layers


def lifted(lift: float) -> pd.DataFrame:
    """Return similarities in which fine-tuning lifts the text model by as much."""
    table, _ = layers("initial", "fine-tuned")
    is_lifted = (table["pair"] == "text-domain") & (table["state"] == "fine-tuned")
    return table.assign(value=table["value"] + lift * is_lifted)


def test_every_measure_has_its_change_in_every_view() -> None:
    shown = change_table(lifted(0.03))
    assert list(shown["measure"]) == list(MEASURES.values())
    numbers = [name for name in shown if name.endswith("[95 %]")]
    assert len(numbers) == 3
    assert (shown[numbers] == "+0.030").all(axis=None)  # of a single replicate, no interval
    # Matched layers 1 to 3 of 4 and of 5, before the lift: 0.9 less what differs in depth.
    table = lifted(0.0)
    chosen = table["matched"] & (table["layer_a"] > 0) & (table["centring"] == "position")
    before = table[chosen & (table["pair"] == "text-domain") & (table["measure"] == "rsa")]
    value = before["value"].mean()
    assert shown.iloc[1]["text, before → after"] == f"{value:.3f} → {value + 0.03:.3f}"


def test_what_is_shared_stands_beside_its_null_and_random_weights() -> None:
    shown = shared_table(lifted(0.03))
    assert list(shown["fine-tuning"]) == ["before"] * 5 + ["after"] * 5
    for row in shown.to_dict("records"):
        assert row["text, null"] == row["random, null"] == "0.100"
        assert float(row["text less null [95 %]"]) == round(float(row["text"]) - 0.1, 3)
        assert float(row["random"]) < float(row["text"])


def test_without_fine_tuned_models_there_is_no_change_to_show() -> None:
    table, _ = layers("initial")
    (shown,) = similarity_tables(table).values()
    assert list(shown["fine-tuning"].unique()) == ["before"]
    assert similarity_tables(table[table["pair"] == "text-scratch"]) == {}
