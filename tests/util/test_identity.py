"""What a result is made from: stated in its file, compared with what is asked for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymath.util.errors import PolymathError
from polymath.util.identity import (
    describe,
    find_difference,
    identity_of,
    read_made_from,
    require_made_from,
    workflow_job,
)
from polymath.util.storage import made_from, write_json, write_table

ASKED = {"job": {"recipe": {"steps": 30, "rates": (1e-3, 1e-4)}, "seed": 1}, "code_version": 4}
ROWS, SCHEMA = pd.DataFrame({"id": ["a"]}), pa.schema([("id", pa.string())])


def write(path: Path, asked: dict[str, Any], **inputs: Path) -> Path:
    with made_from(describe(asked, inputs)):
        write_table(ROWS, path, SCHEMA, {})
    return path


def test_a_table_states_what_it_is_made_from(tmp_path: Path) -> None:
    records = write(tmp_path / "records.parquet", ASKED)
    tokens = write(tmp_path / "tokens.parquet", {"code_version": 1}, records=records)
    assert find_difference(read_made_from(records), describe(ASKED, {})) is None
    assert read_made_from(tokens)["inputs"] == {"records": identity_of(records)}


def test_a_table_is_known_by_what_it_is_made_from_and_not_by_its_rows(tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{name}.parquet", ASKED) for name in "ab")
    other = write(tmp_path / "c.parquet", {**ASKED, "code_version": 5})
    assert identity_of(first) == identity_of(second) != identity_of(other)
    assert identity_of(first, other) != identity_of(other, first)


def test_a_manifest_is_known_by_names_and_contents(tmp_path: Path) -> None:
    file = {"path": "/home/a/x.csv", "sha256": "00", "bytes": 1}
    write_json({"files": [file], "source": 1}, tmp_path / "a/manifest.json")
    write_json({"files": [{**file, "path": "/b/x.csv"}]}, tmp_path / "b/manifest.json")
    write_json({"files": [{**file, "sha256": "01"}]}, tmp_path / "c/manifest.json")
    here, moved, changed = (identity_of(tmp_path / name / "manifest.json") for name in "abc")
    assert here == moved != changed


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"code_version": 5}, "code_version is 4, not 5"),
        ({"job": {**ASKED["job"], "seed": 2}}, "seed is 1, not 2"),  # type: ignore[dict-item]
        ({"job": {"seed": 1}}, "recipe is {'rates': [0.001, 0.0001], 'steps': 30}, not None"),
    ],
)
def test_the_first_difference_is_named(
    tmp_path: Path, changes: dict[str, Any], difference: str
) -> None:
    path = write(tmp_path / "predictions.parquet", ASKED)
    with pytest.raises(
        PolymathError, match=r"predictions\.parquet .*Run the same command"
    ) as caught:
        require_made_from(path, {**ASKED, **changes})
    assert f": {difference}." in str(caught.value)
    require_made_from(path, ASKED)


def test_a_table_that_states_nothing_is_refused(tmp_path: Path) -> None:
    write_table(ROWS, tmp_path / "a.parquet", SCHEMA, {})
    with pytest.raises(PolymathError, match="does not state what it is made from"):
        require_made_from(tmp_path / "a.parquet", ASKED)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda values: st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=6,
)
TREES = st.dictionaries(st.text(max_size=3), VALUES, max_size=3)


@given(TREES, TREES)
def test_a_difference_is_found_exactly_where_there_is_one(
    stated: dict[str, Any], wanted: dict[str, Any]
) -> None:
    described = [describe(asked, {}) for asked in (stated, wanted)]
    without_nothing = [_without_none(value) for value in described]
    equal = without_nothing[0] == without_nothing[1]
    assert (find_difference(*described) is None) == equal


def _without_none(value: Any) -> Any:
    """A key without a value is as one that is not there."""
    if not isinstance(value, dict):
        return value
    pruned = {key: _without_none(inner) for key, inner in value.items()}
    return {key: inner for key, inner in pruned.items() if inner is not None}


class Named(dict[str, Any]):
    """Snakemake's lists with names."""


def test_a_jobs_results_state_its_parameters_and_inputs(tmp_path: Path) -> None:
    records = write(tmp_path / "records.parquet", ASKED)
    job = SimpleNamespace(
        log=[str(tmp_path / "job.log")],
        params=Named(job={"max_length": 9}, results="results", code_version=1),
        input=Named(records=str(records), model=[]),
    )
    with workflow_job(job, "tokenize"):
        write_table(ROWS, tmp_path / "tokens.parquet", SCHEMA, {})
    asked = {"job": {"max_length": 9}, "code_version": 1}
    stated = read_made_from(tmp_path / "tokens.parquet")
    assert stated == {"asked": asked, "inputs": {"records": identity_of(records)}}
    write_table(ROWS, tmp_path / "later.parquet", SCHEMA, {})
    assert read_made_from(tmp_path / "later.parquet") == {}


@pytest.mark.parametrize("name", ["a.parquet", "manifest.json", "tokenizer.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(PolymathError, match=name):
        identity_of(tmp_path / name)
