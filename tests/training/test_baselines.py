"""Baselines: against the chance of the matrix and an independent pipeline, in every table."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score

from polymath.evaluation.predictions import vote
from polymath.evaluation.scores import evaluate
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.conditions import NONE, Condition
from polymath.reporting.figures.matrix import draw
from polymath.reporting.published import published_table
from polymath.tokenization.tokenize import token_schema
from polymath.training.baselines import (
    LONGEST,
    STRENGTH,
    STRENGTHS,
    TREES,
    list_ngrams,
    run_baseline,
)
from polymath.training.job import BaselineJob
from polymath.util.storage import read_metadata, read_table, write_table
from support.evidence import matrix_of
from support.figures import scores_of, words_of

CLASSES = ["even", "none", "odd"]


def rows_of(labels: list[Any], ids: list[list[int]], windows: int = 1) -> pd.DataFrame:
    """Return a tokens table; every `windows` rows are of one item, every fourth item is test."""
    items = [row // windows for row in range(len(labels))]
    return pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(len(labels))],
            "item": [f"i{item}" for item in items],
            "window": [row % windows for row in range(len(labels))],
            "split": [("train", "train", "dev", "test")[item % 4] for item in items],
            "label": labels,
            "length": [len(one) for one in ids],
            "ids": ids,
        }
    )


def ask(folder: Path, model: str, rows: pd.DataFrame, **changes: Any) -> BaselineJob:
    """Write a task's tokens and return a question about it."""
    regression = not isinstance(rows["label"].iloc[0], str)
    task_type = "regression" if regression else "classification"
    labels = [] if regression else sorted(set(rows["label"]))
    metadata = {"type": task_type, "labels": labels, "domain": "dna"}
    if changes.pop("sets", False):
        task_type = "multi-label"
        metadata |= {"type": task_type, "labels": sorted(SET_LABELS), "label_separator": ";"}
    schema = token_schema(task_type, "ids2" in rows)
    write_table(rows, folder / "tokens.parquet", schema, metadata)
    fraction = changes.pop("fraction", "1")
    values: dict[str, Any] = {"seed": 1, "replicates": 2, "crossed": {}, **changes}
    metric = values.pop("metric", "spearman" if regression else "accuracy")
    condition = Condition("splice", model, NONE, NONE, fraction, NONE)
    return BaselineJob(condition, metric, tokens=folder / "tokens.parquet", **values)


SET_LABELS = {"low": 2, "mid": 5, "top": 11}  # the symbols that make a row have them


def sets_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with the labels whose symbol they have."""
    sets = [[name for name, symbol in SET_LABELS.items() if symbol in ids] for ids in rows["ids"]]
    return rows.assign(label=[";".join(own) for own in sets])


def said_by(question: BaselineJob) -> list[str]:
    """Answer a question and return what was said."""
    said: list[str] = []
    folder = question.tokens.parent
    run_baseline(question, folder / "predictions.parquet", folder / "curves.parquet", said.append)
    return said


def predictions_of(question: BaselineJob) -> pd.DataFrame:
    """Answer a question and return the predictions."""
    said_by(question)
    return read_table(question.tokens.parent / "predictions.parquet")


def some_rows(count: int = 240, seed: int = 0, windows: int = 1) -> pd.DataFrame:
    """Sequences of 12 symbols of which some pairs of neighbours hint at one of three classes."""
    generator = np.random.default_rng(seed)
    kinds = np.repeat(generator.integers(0, 3, count // windows), windows)
    ids = generator.integers(0, 12, (count, 12))
    for row, kind in enumerate(kinds):
        if generator.random() < 0.8:
            place = generator.integers(0, 10)
            ids[row, place : place + 2] = (kind, (kind + 1) % 3)
    return rows_of([CLASSES[kind] for kind in kinds], ids.tolist(), windows)


def values_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows with a number to predict."""
    numbers = [float(sum(ids) + 3 * ids[0]) for ids in rows["ids"]]
    return rows.assign(label=numbers)


def test_majority_is_the_chance_of_the_matrix_and_has_no_difference(tmp_path: Path) -> None:
    labels = [CLASSES[2 if row % 5 < 3 else 0] for row in range(80)]
    question = ask(tmp_path, "majority", rows_of(labels, [[1]] * 80))
    said_by(question)
    scores = tmp_path / "scores.parquet"
    evaluate([tmp_path / "predictions.parquet"], "accuracy", scores, print)
    matrix = matrix_of(read_table(scores))
    row = matrix.iloc[0]
    assert row["mean"] == row["chance"] == pytest.approx(12 / 20)
    assert (row["n"], row["diverged"]) == (2, 0)
    assert row[["difference", "n_pairs", "learning_rate"]].isna().all()
    assert matrix["init"].to_list() == [NONE]
    every = read_table(scores)
    assert (every["value"] == every["chance"]).all()  # F1 and Matthews correlation too


def test_majority_counts_items_not_windows(tmp_path: Path) -> None:
    rows = rows_of(["even"] * 12 + ["odd"] * 8, [[1]] * 20)
    rows["item"] = ["long"] * 12 + [f"short{n}" for n in range(8)]
    rows["split"] = ["train"] * 16 + ["dev", "dev", "test", "test"]
    found = predictions_of(ask(tmp_path, "majority", rows))
    shares = np.exp(np.stack(found["logits"].to_list()))
    np.testing.assert_allclose(shares, np.tile([1 / 5, 4 / 5], (len(found), 1)), rtol=1e-6)


def test_majority_of_numbers_is_their_mean(tmp_path: Path) -> None:
    rows = values_of(some_rows(40))
    found = predictions_of(ask(tmp_path, "majority", rows))
    mean = rows[rows["split"] == "train"]["label"].mean()
    assert np.stack(found["logits"].to_list()) == pytest.approx(mean)


def as_text(rows: pd.DataFrame) -> list[str]:
    """Write symbols as words, so that scikit-learn makes its own n-grams of them."""
    return [" ".join(f"s{symbol}" for symbol in ids) for ids in rows["ids"]]


def test_ngrams_are_what_scikit_learn_makes_of_the_text(tmp_path: Path) -> None:
    rows = some_rows()
    found = predictions_of(ask(tmp_path, "ngram", rows))
    parts = {split: rows[rows["split"] == split] for split in ("train", "dev", "test")}

    def fit(longest: int, strength: float) -> tuple[TfidfVectorizer, LogisticRegression, float]:
        vectors = TfidfVectorizer(ngram_range=(1, longest), token_pattern=r"\S+")
        train = vectors.fit_transform(as_text(parts["train"]))
        model = LogisticRegression(C=strength, max_iter=1000).fit(train, parts["train"]["label"])
        answers = model.predict(vectors.transform(as_text(parts["dev"])))
        return vectors, model, accuracy_score(parts["dev"]["label"], answers)

    # The first of equal ones, in both.
    longest = max(LONGEST, key=lambda longest: fit(longest, STRENGTH)[2])
    best = max(STRENGTHS, key=lambda strength: fit(longest, strength)[2])
    chosen = {"n": longest, "C": best}
    assert read_metadata(tmp_path / "predictions.parquet")["chosen"] == [chosen, chosen]
    assert len({fit(longest, strength)[2] for strength in STRENGTHS}) > 1
    vectors, model, _ = fit(longest, best)
    for split in ("dev", "test"):
        mine = found[(found["split"] == split) & (found["replicate"] == 0)]
        expected = model.predict_log_proba(vectors.transform(as_text(parts[split])))
        assert mine["id"].to_list() == parts[split]["id"].to_list()
        np.testing.assert_allclose(np.stack(mine["logits"].to_list()), expected, atol=2e-3)


@pytest.mark.parametrize("model", ["ngram", "trees", "majority", "stump"])
def test_sets_of_labels_are_predicted_one_label_against_the_rest(
    model: str, tmp_path: Path
) -> None:
    rows = sets_of(some_rows())
    question = ask(tmp_path, model, rows, sets=True, metric="micro_f1", replicates=1)
    predicted = predictions_of(question)
    test = predicted[predicted["split"] == "test"]
    names = sorted(SET_LABELS)
    targets = np.array([[name in label.split(";") for name in names] for label in test["label"]])
    logits = np.stack(test["logits"].to_list())
    right = f1_score(targets, logits > 0, average="micro")
    scores = tmp_path / "scores.parquet"
    evaluate([tmp_path / "predictions.parquet"], "micro_f1", scores, print)
    table = read_table(scores).query("split == 'test' and metric == 'micro_f1'")
    assert table["value"].item() == pytest.approx(right)
    train = rows[rows["split"] == "train"]["label"]
    shares = np.array([train.str.contains(name).mean() for name in names])
    commonest = np.tile(shares > 0.5, (len(test), 1))
    chance = f1_score(targets, commonest, average="micro")
    assert table["chance"].item() == pytest.approx(chance)
    if model == "majority":
        assert right == pytest.approx(chance)
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[0])), shares, rtol=1e-6)
    else:
        assert right > (0.9 if model == "trees" else 0.75 if model == "ngram" else chance)


def test_a_label_that_a_subset_lacks_is_not_predicted(tmp_path: Path) -> None:
    rows = sets_of(some_rows())
    train = rows["split"] == "train"
    rows.loc[train, "label"] = ["low;mid" if row % 2 else "low" for row in range(train.sum())]
    for model in ("ngram", "trees"):
        question = ask(tmp_path, model, rows, sets=True, metric="micro_f1", replicates=1)
        logits = np.stack(predictions_of(question)["logits"].to_list())
        assert np.isfinite(logits).all()
        assert (logits[:, 0] > 0).all()
        assert (logits[:, 2] < 0).all()


def test_ngrams_predict_numbers_by_ridge_regression(tmp_path: Path) -> None:
    rows = values_of(some_rows())
    found = predictions_of(ask(tmp_path, "ngram", rows, replicates=1))
    chosen = read_metadata(tmp_path / "predictions.parquet")["chosen"][0]
    vectors = TfidfVectorizer(ngram_range=(1, chosen["n"]), token_pattern=r"\S+")
    train, test = (rows[rows["split"] == split] for split in ("train", "test"))
    features = vectors.fit_transform(as_text(train)).toarray()
    line = Ridge(alpha=1 / chosen["C"], solver="cholesky").fit(features, train["label"])
    expected = line.predict(vectors.transform(as_text(test)).toarray())
    mine = np.stack(found[found["split"] == "test"]["logits"].to_list())[:, 0]
    np.testing.assert_allclose(mine, expected, atol=0.05)
    assert np.corrcoef(mine, test["label"])[0, 1] > 0.5


def test_ngrams_of_a_pair_are_told_apart_and_do_not_cross() -> None:
    def name(number: int, *symbols: int) -> bytes:
        return bytes([number]) + np.array(symbols, dtype=np.int32).tobytes()

    first, second = np.array([1, 700], dtype=np.int32), np.array([700], dtype=np.int32)
    grams = [name(0, 1), name(0, 700), name(0, 1, 700), name(1, 700)]
    assert list_ngrams((first, second), 3) == grams
    grams = [name(0, 700), name(1, 1), name(1, 700), name(1, 1, 700)]
    assert list_ngrams((second, first), 3) == grams
    four = np.array([4, 5, 6, 7], dtype=np.int32)
    assert list_ngrams((four,), 3)[-2:] == [name(0, 4, 5, 6), name(0, 5, 6, 7)]
    assert len(list_ngrams((four,), 3)) == 4 + 3 + 2


def test_ngrams_read_the_second_sequence_of_a_pair(tmp_path: Path) -> None:
    rows = some_rows()
    blank = rows.assign(ids=[[5]] * len(rows), ids2=rows["ids"])
    accuracies = []
    for table in (blank, blank.assign(ids2=[[5]] * len(rows))):
        found = predictions_of(ask(tmp_path, "ngram", table, replicates=1))
        answers = np.stack(found["logits"].to_list()).argmax(axis=1)
        accuracies.append(float(np.mean([CLASSES[a] for a in answers] == found["label"])))
    assert accuracies[0] > accuracies[1] + 0.2


def test_windows_of_an_item_vote(tmp_path: Path) -> None:
    found = predictions_of(ask(tmp_path, "ngram", some_rows(480, windows=3), replicates=1))
    test = found[found["split"] == "test"]
    items, shares = vote(
        test["item"].to_numpy(), np.stack(test["logits"].to_list()), "classification"
    )
    assert len(items) == len(test) / 3
    expected = np.exp(np.stack(test["logits"].to_list())).reshape(-1, 3, 3).mean(axis=1)
    np.testing.assert_allclose(shares, expected, atol=1e-6)


def test_it_is_fitted_once_for_each_subset_of_training(tmp_path: Path) -> None:
    rows = some_rows()
    assert len(said_by(ask(tmp_path, "ngram", rows, replicates=3))) == 1
    part = ask(tmp_path, "ngram", rows, replicates=3, fraction="0.5")
    said = said_by(part)
    assert len(said) == 3
    assert all("fitted to 60 training rows" in line for line in said)
    crossed = replace(part, replicates=4, crossed={"init": 2, "subset": 2})
    assert len(said_by(crossed)) == 2
    table = read_table(tmp_path / "predictions.parquet")
    logits = [np.stack(of["logits"].to_list()) for _, of in table.groupby("replicate")]
    assert np.array_equal(logits[0], logits[1])  # another initialisation, the same subset
    assert not np.array_equal(logits[0], logits[2])


def test_the_metric_on_dev_chooses_the_strength_and_test_is_not_looked_at(tmp_path: Path) -> None:
    rows = some_rows()
    chosen = []
    for table in (rows, rows.assign(label=rows["label"].mask(rows["split"] == "test", "odd"))):
        said_by(ask(tmp_path, "ngram", table))
        chosen.append(read_metadata(tmp_path / "predictions.parquet")["chosen"])
    assert chosen[0] == chosen[1]


def by_composition(count: int = 240) -> pd.DataFrame:
    """Rows of two classes that differ in how often a symbol occurs, at any place."""
    generator = np.random.default_rng(4)
    kinds = generator.integers(0, 2, count)
    ids = [generator.permutation([1] * (2 + 4 * kind) + [2] * (8 - 4 * kind)) for kind in kinds]
    return rows_of([CLASSES[kind] for kind in kinds], [row.tolist() for row in ids])


@pytest.mark.parametrize("model", ["stump", "trees"])
def test_composition_is_learned_by_a_rule_and_by_trees(model: str, tmp_path: Path) -> None:
    rows = by_composition()
    found = predictions_of(ask(tmp_path, model, rows, replicates=1))
    answers = np.stack(found["logits"].to_list()).argmax(axis=1)
    assert [CLASSES[answer] for answer in answers] == found["label"].to_list()
    again = predictions_of(ask(tmp_path, model, rows, replicates=1))
    pd.testing.assert_frame_equal(found, again)


def test_the_rule_is_named(tmp_path: Path) -> None:
    said_by(ask(tmp_path, "stump", by_composition(), replicates=1))
    (chosen,) = read_metadata(tmp_path / "predictions.parquet")["chosen"]
    assert chosen["rule"].startswith("share of ")


@pytest.mark.parametrize("model", ["stump", "trees"])
def test_numbers_are_predicted_by_a_rule_and_by_trees(model: str, tmp_path: Path) -> None:
    rows = by_composition()
    rows = rows.assign(label=[float(ids.count(1)) for ids in rows["ids"]])
    found = predictions_of(ask(tmp_path, model, rows, replicates=1))
    values = np.stack(found["logits"].to_list())[:, 0]
    assert np.corrcoef(values, found["label"])[0, 1] > 0.99


def test_trees_read_both_sequences_of_a_pair_and_choose_their_number(tmp_path: Path) -> None:
    rows = by_composition()
    pairs = rows.assign(ids=[[5]] * len(rows), ids2=rows["ids"])
    found = predictions_of(ask(tmp_path, "trees", pairs, replicates=1))
    answers = np.stack(found["logits"].to_list()).argmax(axis=1)
    assert [CLASSES[answer] for answer in answers] == found["label"].to_list()
    (chosen,) = read_metadata(tmp_path / "predictions.parquet")["chosen"]
    assert chosen["trees"] == TREES[0]  # all are right, so that the fewest are taken


@pytest.mark.parametrize("model", ["majority", "stump", "ngram", "trees"])
def test_the_tables_are_as_fine_tuning_writes_them(model: str, tmp_path: Path) -> None:
    found = predictions_of(ask(tmp_path, model, some_rows()))
    assert found.columns.to_list() == prediction_schema("classification").names
    curves = read_table(tmp_path / "curves.parquet")
    assert curves.columns.to_list() == CURVE_SCHEMA.names
    assert len(curves) == 0
    assert found.groupby(["replicate", "split"]).size().to_dict() == {
        (0, "dev"): 60, (0, "test"): 60, (1, "dev"): 60, (1, "test"): 60,
    }  # fmt: skip
    assert read_metadata(tmp_path / "curves.parquet")["metric"] == "accuracy"


def test_a_baseline_stands_beside_models_in_matrix_and_figure(tmp_path: Path) -> None:
    arms = [Condition("splice", "small", init, "random", "1", "tiny")
            for init in ("pretrained", "scratch")]  # fmt: skip
    said_by(ask(tmp_path, "ngram", some_rows()))
    evaluate([tmp_path / "predictions.parquet"], "accuracy", tmp_path / "scores.parquet", print)
    scores = pd.concat([scores_of(arms), read_table(tmp_path / "scores.parquet")])
    matrix = matrix_of(scores)
    of_ngram = matrix[matrix["model"] == "ngram"].iloc[0]
    assert pd.isna(of_ngram["difference"])
    figure, _ = draw({"matrix": matrix, "scores": scores, "published": published_table([])})
    assert words_of(figure) >= {"splice", "splice, n-grams", "baseline", "pretrained", "scratch"}


def test_a_baseline_does_not_wait_for_torch() -> None:
    module = "polymath.training.baselines"
    code = f"import sys, {module}; print({{'torch', 'transformers'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
