"""The commands beside the workflow."""

import errno
import math
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tensorboardX.proto.event_pb2 import Event

from polymath.__main__ import main, print_summary
from polymath.evaluation.tables import CURVE_SCHEMA, prediction_schema
from polymath.experiment.paths import ResultPaths
from polymath.reporting.next_step import OWN_DATA
from polymath.reporting.publish import FIGURES, choose_folder, publish
from polymath.reporting.task_answer import ALONE
from polymath.reporting.tensorboard import write_events
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json, write_json, write_table
from support.report import judged, judged_together
from support.tables import write


def write_matrix(folder: Path, init: str = "scratch") -> None:
    row = {"task": "odd", "domain": "dna", "model": "m", "init": init, "mapping": "random",
           "fraction": "1", "recipe": "tiny", "learning_rate": 1e-3, "metric": "mcc",
           "items": 40, "chance": 0.0, "n": 1, "diverged": 0, "mean": 0.5}  # fmt: skip
    write([row], "matrix", folder)


def write_verdicts(results: ResultPaths) -> None:
    family = judged_together("better", "supported", 0.2)
    write([family], "families", results.evidence("families").parent)
    claim = judged("better", "undecided", 0.2, task="odd", model="m", recipe="tiny")
    write([claim], "claims", results.claims().parent)


def read_events(path: Path) -> list[tuple[str, int, float]]:
    """Read an event file by its published format: length, checksum, message, checksum."""
    data, values = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        values += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        data = data[16 + length :]
    return values


def test_tensorboard_gets_every_point_of_every_curve(tmp_path: Path) -> None:
    curve = pd.DataFrame(
        {"replicate": [0, 0, 1], "step": [0, 5, 0], "examples": [0, 40, 0],
         "train_loss": [math.nan, 0.5, math.nan], "dev_score": [0.25, 0.75, 0.5],
         "seconds": [0.0, 2.0, 0.0]}
    )  # fmt: skip
    path = tmp_path / "runs/task=odd/init=scratch/curves.parquet"
    write_table(curve, path, CURVE_SCHEMA, {"metric": "accuracy"})
    for _ in range(2):  # the second time replaces the first
        assert write_events(ResultPaths(tmp_path), tmp_path / "tensorboard") == 2
    folder = tmp_path / "tensorboard/task=odd/init=scratch"
    (first,) = (folder / "replicate=0").iterdir()
    assert read_events(first) == [
        ("dev/accuracy", 0, 0.25), ("dev/accuracy", 5, 0.75), ("train/loss", 5, 0.5),
    ]  # fmt: skip
    (second,) = (folder / "replicate=1").iterdir()
    assert read_events(second) == [("dev/accuracy", 0, 0.5)]


def test_the_summary_prints_the_table_and_names_only_files_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_matrix(tmp_path)
    (tmp_path / "matrix.md").write_text("")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/run.txt").write_text("wall time 3.0 min, 90% of it in training\n")
    print_summary(ResultPaths(tmp_path))
    printed = capsys.readouterr().out
    assert "Last run with training: wall time 3.0 min, 90% of it in training\n" in printed
    assert "0.500 [one replicate]" in printed
    assert str(tmp_path / "matrix.md") in printed
    assert "curves.png" not in printed


def test_the_summary_ends_with_the_answer_all_tasks_together_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    write_matrix(tmp_path, init="pretrained")
    write_verdicts(ResultPaths(tmp_path))
    print_summary(ResultPaths(tmp_path))
    together, task, next_step = capsys.readouterr().out.splitlines()[-3:]
    assert together.startswith("Yes: on these 2 tasks together")
    assert "at one learning rate" in together
    assert task.startswith(f"  odd: {ALONE['undecided']}: ")
    assert "MCC" in task
    assert "text model 0.500" in task
    assert next_step == OWN_DATA


def test_a_shell_without_the_environment_is_told_how_to_find_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tmp_path / "my venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/activate").touch()
    monkeypatch.setattr("sys.prefix", str(environment))
    monkeypatch.setenv("VIRTUAL_ENV", "another")
    monkeypatch.chdir(tmp_path)
    write_matrix(tmp_path, init="pretrained")
    write_verdicts(ResultPaths(tmp_path))
    print_summary(ResultPaths(tmp_path))
    told, next_step = capsys.readouterr().out.splitlines()[-2:]
    assert told.endswith(": . 'my venv/bin/activate'")
    assert next_step == OWN_DATA


def test_publish_copies_the_results_and_records_what_made_them(tmp_path: Path) -> None:
    results, kept = write_results(tmp_path / "results", ["odd"], 4), tmp_path / "kept"
    for path in (results.report, results.evidence("summary"),
                 results.figure("curves", "csv"), results.figure("curves", "png"),
                 results.representations("depth.png", "odd", "small", "random")):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    publish(results, kept)
    assert (kept / "curves.png").read_text() == "curves.png"
    assert (kept / "curves.csv").read_text() == "curves.csv"
    assert (kept / "summary.parquet").read_text() == "summary.parquet"
    assert (kept / "odd.small.random.depth.png").read_text() == "depth.png"
    assert not (kept / "probes.png").exists()
    assert not (kept / "report.html").exists()
    run = read_json(kept / "run.json")
    assert run["experiment_seed"] == 4
    assert run["recipes"] == {"tiny": {"steps": 1}}
    assert run["precisions"] == ["fp32"]
    assert run["machines"][0]["device"] == "cpu"
    assert "labels" not in run
    publish(results, kept, with_report=True)
    assert (kept / "report.html").exists()
    (kept / "probes.png").touch()
    results.report.write_text("anew")
    publish(results, kept)  # nothing of earlier results stays
    assert (kept / "report.html").read_text() == "anew"
    assert not (kept / "probes.png").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:200],
        lambda whole: b"",
        lambda whole: whole[:-60] + b"x" * 30 + whole[-30:],
    ],
)
def test_the_summary_of_a_damaged_matrix_names_it(
    damage: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_matrix(tmp_path)
    path = tmp_path / "matrix.parquet"
    path.write_bytes(damage(path.read_bytes()))
    monkeypatch.setattr("sys.argv", ["polymath", "summary", "--results", str(tmp_path)])
    with pytest.raises(SystemExit, match=f"^ERROR: {path} is damaged .*: delete {path} and run"):
        main()


def test_a_command_that_lacks_permission_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_matrix(tmp_path)

    def refuse(results: ResultPaths, options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(results.root))

    monkeypatch.setattr("polymath.__main__.print_summary", refuse)
    monkeypatch.setattr("sys.argv", ["polymath", "summary", "--results", str(tmp_path)])
    with pytest.raises(SystemExit, match=f"^ERROR: .*{tmp_path}.*writable"):
        main()


def test_a_line_on_the_last_run_in_another_encoding_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ResultPaths(tmp_path)
    write_matrix(tmp_path)
    results.run_times.parent.mkdir(parents=True)
    results.run_times.write_bytes(b"wall time \xff 3 min")
    print_summary(results)
    assert "3 min" in capsys.readouterr().out


def write_results(
    folder: Path, tasks: list[str], seed: int, data: str = "d", model: str = "m"
) -> ResultPaths:
    """Write what `publish` needs of a finished run.

    Args:
        data: the digest of the tasks' files.
        model: the digest of the model's.
    """
    results = ResultPaths(folder)
    for path in (results.matrix("md"), results.claims("md"),
                 *(results.figure(name, "png") for name in FIGURES)):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(folder.name)
    rows = [f"{task},dna,m,scratch,random,1,tiny" for task in tasks]
    header = "task,domain,model,init,mapping,fraction,recipe"
    results.matrix("csv").write_text("\n".join([header, *rows]) + "\n")
    metadata = {"recipe": "tiny", "recipe_values": {"steps": 1}, "experiment_seed": seed,
                "machines": [{"device": "cpu"}], "precision": "fp32", "labels": ["a", "b"],
                "model": "m", "source_sha256": data, "model_sha256": model}  # fmt: skip
    schema = prediction_schema("classification")
    empty = schema.empty_table().to_pandas()
    for task in tasks:
        path = results.runs / task / "predictions.parquet"
        write_table(empty, path, schema, {**metadata, "task": task})
    return results


def test_each_experiment_is_kept_in_a_folder_of_its_own(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = write_results(tmp_path / "first", ["odd"], 1)
    second = write_results(tmp_path / "second", ["odd"], 2)
    many = write_results(tmp_path / "many", ["d", "c", "b", "a", "e"], 1)
    other_data = write_results(tmp_path / "data", ["odd"], 1, data="e")
    other_weights = write_results(tmp_path / "weights", ["odd"], 1, model="n")
    for results, name in ((first, "odd"), (second, "odd-2"), (many, "a-b-c-and-2-more"),
                          (other_data, "odd-3"), (other_weights, "odd-4")):  # fmt: skip
        for _ in range(2):  # the second time into the same folder
            folder = choose_folder(results, kept, None)
            assert folder == kept / name
            publish(results, folder)
    with pytest.raises(PolymathError, match="another experiment"):
        choose_folder(second, kept, "odd")
    assert choose_folder(second, kept, "mine") == kept / "mine"
    assert (kept / "odd/matrix.md").read_text() == "first"
    run = read_json(kept / "odd/run.json")
    older = {name: value for name, value in run.items() if name not in ("data", "models")}
    write_json(older, kept / "odd/run.json")
    assert choose_folder(other_data, kept, "odd") == kept / "odd"


def test_nothing_is_kept_of_a_run_that_has_not_ended(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", ["odd"], 1)
    results.figure("curves", "png").unlink()
    with pytest.raises(PolymathError, match="curves"):
        publish(results, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
