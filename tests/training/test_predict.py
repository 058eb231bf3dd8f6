"""New sequences are predicted as the stored test rows were, by the models that were kept."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from transformers import AutoConfig

from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.manifest import Manifest
from polymath.data.records import prepare_records
from polymath.evaluation.tables import prediction_schema
from polymath.experiment.conditions import Condition
from polymath.experiment.datasets import Alphabet, Dataset, Windows
from polymath.experiment.paths import ResultPaths
from polymath.tokenization.tokenize import tokenize_records
from polymath.tokenization.vocabulary_mapping import MappingJob, map_vocabulary
from polymath.training.finetune import finetune
from polymath.training.job import Execution, Job, Outputs
from polymath.training.keep_best import delete_models
from polymath.training.predict import TrainedRun, predict
from polymath.training.predict_command import find_run, run_prediction, write_predictions
from polymath.util.errors import PolymathError
from polymath.util.storage import made_from, read_metadata, read_table, write_table
from support.families import WORDS, Checkpoint
from support.jobs import recipe_of

ROWS = 60
WINDOWS = {"size": 9, "stride": 6}
VALUES = {"type": "regression"}
SETS: dict[str, Any] = {
    "type": "multi-label",
    "reader": {
        "format": "csv",
        "sequence": "seq",
        "label": "y",
        "id": "name",
        "label_separator": ";",
    },
}
DNA = {"alphabet": "dna", "max_length": 30}
TEXT = {"alphabet": "model", "domain": "text", "max_length": 12}
FORMS: dict[str, tuple[dict[str, Any], str, float]] = {
    "classes": (DNA, "random", 0.0),
    "rarer class": ({**DNA, "metric": "f1"}, "random", 0.0),
    "windows": ({**DNA, "windows": WINDOWS, "max_length": 9}, "random", 0.0),
    "values": ({**DNA, **VALUES}, "random", 1e-5),  # their scale is folded into the weights
    "windows of values": ({**DNA, **VALUES, "windows": WINDOWS}, "random", 1e-5),
    "pooled": ({**DNA, "recipe": {"pooling": "max"}}, "random", 0.0),
    "sets of labels": ({**DNA, **SETS, "windows": WINDOWS}, "random", 0.0),
    "k-mers": ({"alphabet": {"kind": "kmer", "k": 2}, "max_length": 30}, "random", 0.0),
    "text": (TEXT, "permute", 0.0),
    "pairs": ({**TEXT, "reader": {"format": "csv", "sequence": "seq", "sequence2": "second",
                                  "label": "y", "id": "name"}}, "identity", 0.0),
}  # fmt: skip


def write_rows(path: Path, fields: dict[str, Any]) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    is_text = fields["alphabet"] == "model"
    letters, mark = (WORDS, " ") if is_text else (list("ACGT"), "")
    texts = [[mark.join(generator.choice(letters, generator.integers(6, 28)))
              for _ in range(ROWS)] for _ in range(2)]  # fmt: skip
    values: Any = ["even", "odd"] * (ROWS // 2)
    if fields.get("metric") == "f1":
        values = ["even", "odd", "odd"] * (ROWS // 3)
    elif fields.get("type") == "regression":
        values = generator.normal(100, 20, ROWS)
    elif fields.get("type") == "multi-label":
        values = ["b;a", "a", "", "b"] * (ROWS // 4)
    table = pd.DataFrame({"seq": texts[0], "second": texts[1], "y": values,
                          "name": [f"n{row}" for row in range(ROWS)]})  # fmt: skip
    table.to_csv(path, index=False)
    return table


def train(folder: Path, checkpoint: Path, fields: dict[str, Any], mapping: str) -> pd.DataFrame:
    """Run the stages of one condition as the rules do, models kept; return the raw rows."""
    table = write_rows(folder / "own.csv", fields)
    reader = {"format": "csv", "sequence": "seq", "label": "y", "id": "name"}
    described = {"domain": "dna", "reader": reader, **fields}
    recipe = recipe_of(steps=8, learning_rate=(1e-3, 1e-2), rate_replicates=1,
                       **described.pop("recipe", {}))  # fmt: skip
    source = {"kind": "path", "path": str(folder / "own.csv")}
    dataset = Dataset.model_validate({**described, "source": source})
    results = ResultPaths(folder / "results")
    condition = Condition("own", "small", "pretrained", mapping, "1", "tiny")
    tokenizer = "own" if mapping == "random" else "small"
    records, tokens = results.records("own"), results.tokens("own", tokenizer)
    fetch(dataset.source, results.raw_manifest("own"), 1, print, folder / "lock.json")
    files = [checkpoint / name for name in ("config.json", "model.safetensors", "tokenizer.json")]
    Manifest.of(results.model_manifest("small"), {}, files).write()
    with made_from({"asked": {"job": {"dataset": described, "seed": 1}}}):
        prepare_records("own", dataset, results.raw_manifest("own"), 1, records,
                        results.card("own"))  # fmt: skip
    spelling = dataset.alphabet if tokenizer == "own" else Alphabet(kind="model")
    windows = fields.get("windows")
    job: dict[str, Any] = {"alphabet": spelling.model_dump(mode="json", exclude_defaults=True),
                           "max_length": dataset.max_length, "windows": windows}  # fmt: skip
    of_model = checkpoint / "tokenizer.json"
    with made_from({"asked": {"job": job}}):
        tokenize_records(records, spelling, windows and Windows(**windows), dataset.max_length,
                         tokens, results.symbols("own", tokenizer),
                         None if tokenizer == "own" else of_model)  # fmt: skip
    vocabulary = results.vocabulary("own", "small", mapping)
    symbols = results.symbols("own", tokenizer)
    mapped = MappingJob(symbols, of_model, mapping, seed=1, replicates=2, shift=1000, trials=1)
    map_vocabulary(mapped, vocabulary)
    defaults = {"regression": "spearman", "multi-label": "micro_f1"}
    metric = dataset.metric or defaults.get(dataset.type, "accuracy")
    outputs = Outputs(results.predictions(condition), results.curves(condition),
                      results.kept_models(condition))  # fmt: skip
    job_of = Job(condition, metric, 1, 2, {}, tokens, metric == "f1", recipe=recipe,
                 vocabulary=vocabulary, model=results.model_manifest("small"))  # fmt: skip
    with made_from({"asked": {"job": {"rarer_positive": metric == "f1"}}}):
        finetune(job_of, Execution(1, 60), outputs, print)
    return table


def stored_outputs(predictions: Path) -> pd.DataFrame:
    """Return the test items' outputs: windows joined, then the mean over replicates.

    In the order of the file: at another place in its batch, a row may be rounded otherwise.
    """
    table, metadata = read_table(predictions), read_metadata(predictions)
    table = table[table["split"] == "test"]
    outputs = np.stack(table["logits"].to_list()).astype(float)
    if metadata["type"] == "classification":
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs = powers / powers.sum(axis=1, keepdims=True)
    elif metadata["type"] == "multi-label":
        outputs = 1 / (1 + np.exp(-outputs))
    keys = [table["item"].to_numpy(), table["replicate"].to_numpy()]
    means = pd.DataFrame(outputs).groupby(keys).mean().groupby(level=0, sort=False).mean()
    return means.loc[list(dict.fromkeys(table["item"]))]


@pytest.mark.parametrize("form", FORMS)
def test_test_rows_have_the_stored_predictions(
    form: str, tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    fields, mapping, tolerance = FORMS[form]
    raw = train(tmp_path, checkpoint("bert"), fields, mapping)
    results, condition = find_run("own", ResultPaths(tmp_path / "results"))
    stored = stored_outputs(results.predictions(condition))
    new = tmp_path / "new.csv"
    raw.set_index("name").loc[list(stored.index)].drop(columns="y").to_csv(new)
    predicted = predict(TrainedRun.of(results, condition, new), [new], 1, print)
    assert list(predicted["id"]) == list(stored.index)
    if fields.get("type") == "regression":
        assert np.allclose(predicted["prediction"], stored[0], rtol=tolerance, atol=0)
        return
    labels = np.array(["a", "b"] if "type" in fields else ["even", "odd"])
    probabilities = predicted[[f"probability {label}" for label in labels]].to_numpy()
    assert np.allclose(probabilities, stored.to_numpy(), rtol=0, atol=1e-12)
    if "type" in fields:
        expected = [";".join(labels[row > 0.5]) for row in stored.to_numpy()]
        kept = [*results.kept_models(condition).glob("*/config.json")]
        config = AutoConfig.from_pretrained(kept[0].parent)
        assert config.problem_type == "multi_label_classification"
        assert config.id2label == {0: "a", 1: "b"}
    else:
        expected = list(labels[stored.to_numpy().argmax(axis=1)])
    assert list(predicted["prediction"]) == expected


def test_what_cannot_be_predicted_is_refused_with_its_row(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    train(tmp_path, checkpoint("bert"), FORMS["k-mers"][0], "random")
    root = tmp_path / "results"
    results, condition = find_run(str(root / "runs/task=own"), ResultPaths(Path("elsewhere")))
    new = tmp_path / "new.csv"
    new.write_text("name,seq\na,ACGT\nb,ACNGT\n")
    run = TrainedRun.of(results, condition, new)
    with pytest.raises(PolymathError, match=r"new.csv: line 3.*'CN'"):
        predict(run, [new], 1, print)
    new.write_text("name;seq\na;ACGT\n")
    with pytest.raises(PolymathError, match=r"correct the file: .* with sequence 'seq', id 'na"):
        predict(run, [new], 1, print)
    with pytest.raises(PolymathError, match="task=own"):
        find_run("owl", ResultPaths(root))
    other = replace(run, job=replace(run.job, seed=2))
    new.write_text("name,seq\na,ACGT\n")
    with pytest.raises(PolymathError, match="keep_models"):
        predict(other, [new], 1, print)
    kept = next(results.run(condition).glob(".replicates/*.model/model.safetensors"))
    kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    with pytest.raises(PolymathError, match=r"is damaged .* run the experiment again"):
        predict(run, [new], 1, print)
    delete_models(results, condition)
    with pytest.raises(PolymathError, match="keep_models"):
        predict(run, [new], 1, print)


def test_a_folder_of_data_with_a_tasks_name_does_not_hide_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    condition = Condition("own", "small", "pretrained", "random", "1", "tiny")
    results = ResultPaths(tmp_path / "results")
    schema = prediction_schema("classification")
    empty = schema.empty_table().to_pandas()
    write_table(empty, results.predictions(condition), schema, condition.columns)
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_run("own", results)[1] == condition
    assert find_run("results/runs/task=own", ResultPaths(Path("elsewhere")))[1] == condition


def test_a_baseline_does_not_predict(tmp_path: Path) -> None:
    condition = Condition("own", "ngram", "none", "none", "1", "none")
    results = ResultPaths(tmp_path / "results")
    schema = prediction_schema("classification")
    empty = schema.empty_table().to_pandas()
    write_table(empty, results.predictions(condition), schema, condition.columns)
    with pytest.raises(PolymathError, match="a baseline, of which no model is kept: name the task"):
        find_run(str(results.run(condition)), results)


def test_the_file_to_predict_is_not_overwritten(tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("name,seq\na,ACGT\n")
    arguments = argparse.Namespace(run="own", input=tmp_path, output=tmp_path / "a/../new.csv")
    with pytest.raises(PolymathError, match=r"--output .*name another file"):
        run_prediction(arguments, ResultPaths(tmp_path / "results"))


def test_a_file_to_predict_that_is_not_there_is_named_by_its_option(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    arguments = argparse.Namespace(run="own", input=absent, output=tmp_path / "out.csv")
    with pytest.raises(PolymathError, match=r"^--input .*absent.csv: there is no such"):
        run_prediction(arguments, ResultPaths(tmp_path / "results"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_the_name_of_the_output_is_its_format(suffix: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a, b"], "prediction": [0.25]})
    output = tmp_path / f"out{suffix}"
    write_predictions(table, output)
    read = {".csv": pd.read_csv, ".tsv": pd.read_table, ".parquet": pd.read_parquet}[suffix]
    assert read(output).equals(table)
