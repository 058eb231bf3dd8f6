"""What is not done, and the last lines of the logs that say why."""

from pathlib import Path

import pytest

from polymath.planning.failures import describe_failures
from support.plans import finish, plan_of, run_command


def write_log(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"12:00:00 [a · b] {line}\n" for line in lines))


def test_nothing_is_said_when_all_is_done(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    for number in range(2):
        finish(plan, plan.conditions[number])
    assert list(describe_failures(plan)) == []


def test_a_failed_condition_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    finish(plan, plan.conditions[0])
    log = plan.paths.root / "logs/finetune/odd,minilm-l6,scratch,random,1,short.log"
    write_log(log, *(f"step {n}" for n in range(9)), "ERROR: no room")
    lines = list(describe_failures(plan))
    assert lines[0] == "1 of 2 conditions failed or pending:"
    assert lines[1] == "\nodd · minilm-l6 · scratch · random · 1 · short"
    assert lines[2] == f"  {log}"
    assert [line.partition("] ")[2] for line in lines[3:]] == [
        "step 6", "step 7", "step 8", "ERROR: no room"
    ]  # fmt: skip


def test_what_slurm_says_of_its_last_attempt_is_shown(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    finish(plan, plan.conditions[0])
    folder = plan.paths.root / "logs/slurm/rule_finetune/odd_minilm-l6_scratch_random_1_short"
    folder.mkdir(parents=True)
    (folder / "7.log").write_text("Select jobs\nslurmstepd: error: *** DUE TO TIME LIMIT ***\n")
    lines = list(describe_failures(plan))
    assert lines[1].endswith("short: pending")
    assert lines[2:] == [
        f"  {folder / '7.log'}", "    slurmstepd: error: *** DUE TO TIME LIMIT ***"
    ]  # fmt: skip


def test_a_stage_that_failed_before_training_is_named(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    write_log(plan.paths.root / "logs/fetch/raw/odd.log", "4 files")
    write_log(plan.paths.root / "logs/prepare/odd.log", "reading", "ERROR: row 5: symbol 'X'")
    lines = list(describe_failures(plan))
    assert [line.endswith(": pending") for line in lines[1:3]] == [True, True]
    assert lines[3] == "\nother stages that failed:"
    assert lines[4] == f"  {plan.paths.root / 'logs/prepare/odd.log'}"
    assert lines[-1].endswith("ERROR: row 5: symbol 'X'")
    assert not any("fetch" in line for line in lines)


def test_the_command_fails_as_long_as_something_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(tmp_path)
    (tmp_path / "mine.yaml").write_text(plan.experiment.model_dump_json(exclude_defaults=True))
    words = ["failed", "--configfile", str(tmp_path / "mine.yaml"), "--replace-workflow-config"]
    for status, answer in (
        (1, "1 of 2 conditions failed or pending"),
        (0, "every condition is done"),
    ):
        finish(plan, plan.conditions[status])
        with pytest.raises(SystemExit) as caught:
            run_command(monkeypatch, *words)
        assert caught.value.code == status
        assert answer in capsys.readouterr().out


def test_a_stage_that_failed_after_training_is_named_whatever_its_log_holds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    for condition in plan.conditions:
        finish(plan, condition)
    log = plan.paths.root / "logs/report/report.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"12:00:00 [report] \xff\n12:00:01 [report] ERROR: no room\n")
    lines = list(describe_failures(plan))
    assert lines[1] == f"  {log}"
    assert lines[-1].endswith("ERROR: no room")


@pytest.mark.parametrize("command", ["summary", "publish", "tensorboard"])
def test_commands_on_results_say_that_there_are_none(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=r"none/matrix.*does not exist"):
        run_command(monkeypatch, command, "--results", str(tmp_path / "none"))


def test_publishing_stays_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "matrix.parquet").touch()
    with pytest.raises(SystemExit, match="--name"):
        run_command(monkeypatch, "publish", "--results", str(tmp_path), "--name", "../../away")
