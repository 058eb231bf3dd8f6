"""Which results are not what is asked for, whatever their dates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from polymath.data.fetch.local import UNKNOWN, absent_manifests, describe_source, own_files
from polymath.data.fetch.manifest import Manifest
from polymath.experiment.conditions import Condition
from polymath.experiment.config import load_experiment
from polymath.experiment.requests import Request, Requests
from polymath.experiment.sources import MODEL_FILES
from polymath.planning.stale import Comparison, with_dependents
from polymath.util.identity import describe
from polymath.util.storage import COMPANION_SHA256, made_from, sha256_of, write_table
from support import ROOT
from support.plans import CONFIG

SCHEMA = pa.schema([("id", pa.string())])
RECORDS: dict[str, Any] = {"job": {"seed": 1}, "code_version": 1}
TOKENS: dict[str, Any] = {"job": {"max_length": 40}, "code_version": 1}


def write(
    path: Path, asked: dict[str, Any], metadata: dict[str, Any] | None = None, **inputs: Path
) -> Path:
    with made_from(describe(asked, inputs)):
        write_table(pd.DataFrame({"id": ["a"]}), path, SCHEMA, metadata or {})
    return path


def explain(requests: Requests, request: Request) -> str | None:
    """Return why a result must be made again, where manifests may be missing."""
    return Comparison(absent_manifests(requests)).explain(request)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return write(tmp_path / "records.parquet", RECORDS)


@pytest.fixture
def tokens(records: Path) -> Request:
    path = write(records.with_name("tokens.parquet"), TOKENS, records=records)
    return Request(path, TOKENS, {"records": records})


def test_a_result_as_asked_for_is_not_stale(tokens: Request) -> None:
    assert list(Comparison().find_stale([tokens])) == []


def test_a_result_made_from_another_input_is_stale(tokens: Request, records: Path) -> None:
    write(records, {**RECORDS, "job": {"seed": 2}})
    [(path, reason)] = Comparison().find_stale([tokens])
    assert (path, reason.split(" is ")[0]) == (tokens.path, "inputs.records")


def test_a_file_that_was_written_with_a_table_must_be_as_it_was(
    tokens: Request, records: Path
) -> None:
    symbols = tokens.path.with_name("tokenizer.json")
    symbols.write_text('{"A": 5}')
    write(tokens.path, TOKENS, {COMPANION_SHA256: sha256_of(symbols)}, records=records)
    request = replace(tokens, companion=symbols)
    assert list(Comparison().find_stale([request])) == []
    symbols.write_text('{"A": 4}')
    [(path, reason)] = Comparison().find_stale([request])
    assert (path, reason.partition(":")[0]) == (symbols, "damaged")
    write(tokens.path, TOKENS, records=records)  # by an older version
    assert list(Comparison().find_stale([request])) == []


def test_what_is_made_from_stale_results_is_stale_across_a_deleted_one(
    tokens: Request, records: Path, tmp_path: Path
) -> None:
    predictions = tmp_path / "predictions.parquet"
    predictions.touch()
    requests = [tokens, Request(predictions, {}, {"tokens": tokens.path})]
    everything = {records, tokens.path, predictions}
    assert set(with_dependents({records: "damaged"}, requests)) == everything
    tokens.path.unlink()
    assert set(with_dependents({records: "damaged"}, requests)) == everything - {tokens.path}


def test_an_input_that_was_deleted_must_be_what_it_would_be_now(
    tokens: Request, records: Path
) -> None:
    records.unlink()
    asked = Request(records, RECORDS, {})
    assert list(Comparison().find_stale([asked, tokens])) == []
    changed = Request(records, {**RECORDS, "job": {"seed": 2}}, {})
    [(path, reason)] = Comparison().find_stale([changed, tokens])
    assert (path, reason.split(" is ")[0]) == (tokens.path, "inputs.records")
    unknown = Request(records, RECORDS, {"manifest": records.with_name("manifest.json")})
    assert list(Comparison().find_stale([unknown, tokens])) == []


def test_of_an_input_that_does_not_exist_nothing_is_known(tokens: Request, records: Path) -> None:
    records.unlink()
    assert Comparison().explain(tokens) is None
    changed = Request(tokens.path, {**TOKENS, "code_version": 2}, tokens.inputs)
    assert Comparison().explain(changed) == "code_version is 1, not 2"


def test_a_result_whose_statement_is_damaged_is_stale(tokens: Request, tmp_path: Path) -> None:
    """Nothing checks the bytes of a statement where it is read without its table."""
    statements: list[Any] = [{"asked": TOKENS}, {"inputs": {}}, "all"]
    for statement in statements:
        with made_from(statement):
            write_table(pd.DataFrame({"id": ["a"]}), tokens.path, SCHEMA, {})
        assert Comparison().explain(tokens) is not None
    manifest = tmp_path / "manifest.json"
    records = Request(tmp_path / "records.parquet", RECORDS, {"manifest": manifest})
    for text in ("[]", '{"fileS": []}', '{"files": [{"patH": "a", "sha256": "b"}]}'):
        manifest.write_text(text)
        assert Comparison().explain(records) is None


def test_files_of_another_address_are_noticed_without_their_manifest(tmp_path: Path) -> None:
    def requests(name: str) -> Requests:
        files = [{"url": f"https://host/{name}"}]
        entry = {**CONFIG["datasets"]["odd"], "source": {"kind": "url", "files": files}}
        config = {**CONFIG, "results": str(tmp_path), "datasets": {"odd": entry}}
        return Requests(load_experiment(config, ROOT / "resources"))

    old, new = requests("old.csv"), requests("new.csv")
    source = old.experiment.datasets["odd"].source
    manifest = Manifest(old.paths.raw_manifest("odd"), describe_source(source), ())
    manifest.write()
    stated = {"source": manifest.source, "source_sha256": manifest.sha256}
    kept = [
        Request(write(path, RECORDS, stated, manifest=manifest.path), RECORDS,
                {"manifest": manifest.path})
        for path in (old.paths.records("odd"), old.paths.tokens("odd", "own"))
    ]  # fmt: skip
    manifest.path.unlink()
    for request in kept:
        assert explain(old, request) is None
        assert str(explain(new, request)).endswith(f"not {UNKNOWN}")
        request.path.unlink()
    assert explain(new, replace(kept[0], path=tmp_path / "none.parquet")) is None


def test_so_are_a_models(tmp_path: Path) -> None:
    def requests(revision: str) -> Requests:
        source = {"kind": "hub", "repo": "owner/small", "revision": revision * 40}
        config = {**CONFIG, "results": str(tmp_path), "models": ["small"],
                  "checkpoints": {"small": {"source": source}}}  # fmt: skip
        return Requests(load_experiment(config, ROOT / "resources"))

    old, new = requests("a"), requests("b")
    source = old.experiment.checkpoints["small"].source
    manifest = Manifest(old.paths.model_manifest("small"), describe_source(source), ())
    manifest.write()
    stated = {"model_source": manifest.source, "model_sha256": manifest.sha256}
    condition = Condition("odd", "small", "pretrained", "random", "1", "tiny")
    path = write(old.paths.predictions(condition), RECORDS, stated, model=manifest.path)
    request = Request(path, RECORDS, {"model": manifest.path})
    manifest.path.unlink()
    assert explain(old, request) is None
    assert str(explain(new, request)).endswith(f"not {UNKNOWN}")


def test_a_result_that_states_nothing_or_is_no_table_is_stale(tokens: Request) -> None:
    write_table(pd.DataFrame({"id": ["a"]}), tokens.path, SCHEMA, {})
    assert Comparison().explain(tokens) == "it does not state what it is made from"
    tokens.path.write_bytes(b"PAR1")
    assert str(Comparison().explain(tokens)).startswith("damaged")
    tokens.path.unlink()
    assert Comparison().explain(tokens) is None


def test_other_weights_of_ones_own_are_noticed_without_their_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in MODEL_FILES:
        (folder / name).write_text(name)
    entry = {"source": {"kind": "path", "path": str(folder)}}
    config = {**CONFIG, "results": str(tmp_path / "results"), "checkpoints": {"trained": entry}}
    requests = Requests(load_experiment({**config, "models": ["trained"]}, ROOT / "resources"))
    manifest = requests.paths.model_manifest("trained")
    own = own_files(requests.experiment.checkpoints["trained"].source)
    Manifest.of(manifest, {}, own).write()
    request = Request(tmp_path / "predictions.parquet", TOKENS, {"model": manifest})
    write(request.path, TOKENS, model=manifest)
    manifest.unlink()
    assert explain(requests, request) is None
    (folder / "model.safetensors").write_text("trained again")
    assert str(explain(requests, request)).startswith("inputs.model is")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert str(explain(requests, request)).endswith(f"not {UNKNOWN}")
