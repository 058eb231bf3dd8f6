"""The lock file: what was found at first is enforced from then on."""

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from polymath.data.fetch.lock import Lock
from polymath.experiment.sources import HubSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json


def lock_of(folder: Path, name: str = "small", **source: str) -> Lock:
    described = HubSource(kind="hub", repo="owner/small", **source)
    return Lock.of(folder / "lock.json", folder / "models" / name / "manifest.json", described)


def test_an_entry_is_kept_under_kind_name_and_source(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    assert (lock.commit, lock.files) == (None, {})
    lock.keep({"b": "2", "a": "1"}, "c0ffee")
    assert (lock.commit, lock.files) == ("c0ffee", {"a": "1", "b": "2"})
    entry = {"commit": "c0ffee", "files": {"a": "1", "b": "2"}}
    assert read_json(lock.path) == {"models/small": {lock.digest: entry}}


def test_a_changed_source_is_a_new_entry_and_the_old_one_stays(tmp_path: Path) -> None:
    old, new = lock_of(tmp_path), lock_of(tmp_path, revision="v2")
    old.keep({"a": "1"}, "first")
    assert (new.commit, new.files) == (None, {})
    new.keep({"a": "2"}, "second")
    assert (old.commit, old.files) == ("first", {"a": "1"})
    assert (new.commit, new.files) == ("second", {"a": "2"})


def test_stating_a_default_is_no_change(tmp_path: Path) -> None:
    assert lock_of(tmp_path) == lock_of(tmp_path, revision="main")


def test_another_checksum_is_refused_and_nothing_is_recorded(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    lock.keep({"a": "1"})
    before = lock.path.read_text()
    with pytest.raises(PolymathError) as caught:
        lock.keep({"a": "2", "b": "3"})
    for detail in ("models/small: 'a' has sha256 2", "but 1 was recorded", "delete the entry"):
        assert detail in str(caught.value)
    assert lock.path.read_text() == before


def test_the_file_is_sorted_so_that_its_history_reads_well(tmp_path: Path) -> None:
    for name in ("zebra", "ant", "mole"):
        lock_of(tmp_path, name).keep({"b": "1", "a": "2"})
    text = (tmp_path / "lock.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize("text", ["<<<<<<< merge conflict", "[]", '{"models/small": 5}'])
def test_a_broken_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "lock.json").write_text(text)
    with pytest.raises(PolymathError, match=r"lock\.json: not a lock file.*version control"):
        _ = lock_of(tmp_path).commit


def _keep(folder: Path, number: int) -> None:
    lock_of(folder, f"model{number % 4}").keep({f"file{number}": str(number)})


def test_jobs_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(8) as pool:
        list(pool.map(_keep, [tmp_path] * 80, range(80)))
    kept = {
        name: digest
        for model in range(4)
        for name, digest in lock_of(tmp_path, f"model{model}").files.items()
    }
    assert kept == {f"file{number}": str(number) for number in range(80)}
