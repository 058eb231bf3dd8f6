"""What a workflow job says, to the terminal and to its log."""

import errno
import logging
from pathlib import Path

import pytest

from polymath.util.errors import PolymathError
from polymath.util.job_log import LOGGER, job_log, log


def test_messages_go_to_the_log_and_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "deep" / "job.log"
    with job_log(str(path), "fetch splice"):
        log("downloading é 1.0")
    assert "[fetch splice] downloading é 1.0" in path.read_text(encoding="utf-8")
    captured = capsys.readouterr()
    assert "[fetch splice] downloading é 1.0" in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("error", "message", "has_traceback"),
    [
        (PolymathError("no column 'seq': add it"), "ERROR: no column 'seq': add it", False),
        (ZeroDivisionError("of all things"), "ZeroDivisionError: of all things", True),
    ],
)
def test_a_users_mistake_ends_the_job_with_its_message_alone_another_error_with_its_traceback(
    error: Exception,
    message: str,
    has_traceback: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, before = tmp_path / "job.log", list(LOGGER.handlers)
    with pytest.raises(SystemExit) as caught, job_log(str(path), "fetch"):
        raise error
    assert caught.value.code == 1
    for text in (path.read_text(), capsys.readouterr().err):
        assert message in text
        assert ("Traceback" in text) is has_traceback
    assert before == LOGGER.handlers, "none is left behind"


def test_a_second_job_starts_its_log_anew_and_does_not_write_to_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    second.write_text("from an earlier run\n")
    with job_log(str(first), "first"):
        log("one")
    with job_log(str(second), "second"):
        log("two")
    assert "two" not in first.read_text()
    assert "two" in second.read_text()
    assert "earlier" not in second.read_text()


def test_debugging_messages_of_libraries_stay_out(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    with job_log(str(path), "fetch"):
        logging.getLogger("another").warning("chatter")
        LOGGER.debug("detail")
    assert path.read_text() == ""


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (OSError(errno.EACCES, "Permission denied", "/x"), "writable"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "writable"),
        (OSError(errno.EFBIG, "File too large", "/x"), "ulimit -f"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "/x"), "remove the link"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), "shorter"),
        (OSError(errno.EIO, "Input/output error"), "disk"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (MemoryError(), "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "memory"),
        (RuntimeError("could not create a primitive"), "memory"),
    ],
)
def test_what_the_machine_lacks_is_said_with_its_remedy(
    error: Exception, word: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit), job_log(str(tmp_path / "job.log"), "fetch"):
        raise error
    text = (tmp_path / "job.log").read_text()
    assert word in text
    assert "Traceback" not in text


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_log_that_cannot_be_written_is_said_with_its_remedy(
    is_folder: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(LOGGER.handlers)
    (tmp_path / "logs").touch()
    log_file = tmp_path / "logs/job.log"
    if not is_folder:
        log_file = tmp_path / "job.log"
        log_file.mkdir()
    with pytest.raises(SystemExit) as caught, job_log(str(log_file), "fetch"):
        raise AssertionError("a job without a log")
    assert caught.value.code == 1
    text = capsys.readouterr().err
    assert str(tmp_path) in text
    assert "rename" in text
    assert "Traceback" not in text
    assert before == LOGGER.handlers
