"""Files of the hub, from a local server that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import huggingface_hub.constants
import pytest

from polymath.data.fetch import progress
from polymath.data.fetch.fetch import fetch
from polymath.data.fetch.hub import fetch_hub
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.manifest import Manifest
from polymath.experiment.paths import MANIFEST
from polymath.experiment.sources import HubSource
from polymath.util.errors import PolymathError
from polymath.util.storage import read_json
from support import ROOT
from support.server import Handler, refusing, serving

FIRST, SECOND = "1" * 40, "2" * 40
DATA = {"train.csv": b"train", "sub/test.csv": b"test", "load.py": b"import os", "README.md": b"#"}


@dataclass
class Hub:
    """Repositories by name and commit, and what the hub does wrong."""

    files: dict[str, dict[str, bytes]] = field(default_factory=lambda: {FIRST: dict(DATA)})
    revisions: dict[str, str] = field(default_factory=lambda: {"main": FIRST})
    is_gated: bool = False
    cuts: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Return status, body and headers for a path."""
        parts = unquote(path.partition("?")[0]).strip("/").split("/")
        api, parts = parts[:1] == ["api"], [part for part in parts if part not in ("api",)]
        kind = parts.pop(0) if parts[0] in ("models", "datasets") else "models"
        if parts[:2] != ["owner", "repo"]:
            return 404, b"{}", {"X-Error-Code": "RepoNotFound"}
        if self.is_gated and not api:
            return 403, b"{}", {"X-Error-Code": "GatedRepo"}
        commit = self.revisions.get(parts[3], parts[3])
        if commit not in self.files:
            return 404, b"{}", {"X-Error-Code": "RevisionNotFound"}
        if api:
            siblings = [{"rfilename": name} for name in self.files[commit]]
            body = {"id": "owner/repo", "sha": commit, "siblings": siblings, "kind": kind}
            return 200, json.dumps(body).encode(), {}
        content = self.files[commit]["/".join(parts[4:])]
        mark = f'"{hashlib.sha256(content).hexdigest()}"'
        return 200, content, {"ETag": mark, "X-Repo-Commit": commit}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on this machine, and an empty cache."""
    what = Hub()

    class HubHandler(Handler):
        def answer(self) -> None:
            what.asked.append(f"{self.command} {self.path}")
            status, body, headers = what.answer(self.path)
            start = int(self.headers.get("Range", "bytes=0-")[6:-1])
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.send_head(206 if start else status, len(body) - start, **headers)
            if self.command == "GET":
                cut = what.cuts.pop(0) if what.cuts and "/resolve/" in self.path else None
                self.wfile.write(body[start:][:cut])
                self.close_connection = cut is not None

    with serving(HubHandler) as what.address:
        use_hub(monkeypatch, what.address, tmp_path / "cache")
        yield what


def use_hub(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """Set what the library took from the environment when it was imported."""
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                        address + "/{repo_id}/resolve/{revision}/{filename}")  # fmt: skip
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def source(*files: str, **changes: Any) -> HubSource:
    values: dict[str, Any] = {"repo": "owner/repo", "type": "dataset", "files": files}
    return HubSource(kind="hub", **{**values, **changes})


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are of the network: nothing comes from this machine's cache."""
    monkeypatch.setattr("polymath.data.fetch.fetch._cache_of", lambda *_: None)


def get(what: HubSource, root: Path, logged: list[str] | None = None) -> Path:
    """Fetch into `root`, and return the folder."""
    folder = root / "results" / "raw" / "odd"
    log = logged.append if logged is not None else lambda message: None
    fetch(what, folder / MANIFEST, 1, log, root / "lock.json")
    return folder


def test_matching_files_are_fetched_and_recorded_at_a_commit(hub: Hub, tmp_path: Path) -> None:
    folder = get(source("*.csv"), tmp_path)
    assert (folder / "sub/test.csv").read_bytes() == b"test"
    names = [file.path for file in Manifest.read(folder / MANIFEST).files]
    assert sorted(names) == ["sub/test.csv", "train.csv"]
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "sub", "train.csv"]
    (entry,) = read_json(tmp_path / "lock.json")["raw/odd"].values()
    assert entry["commit"] == FIRST
    assert entry["files"]["train.csv"] == hashlib.sha256(b"train").hexdigest()


def test_the_recorded_commit_is_taken_when_the_branch_has_moved(hub: Hub, tmp_path: Path) -> None:
    get(source("train.csv"), tmp_path)
    hub.files[SECOND], hub.revisions["main"] = {"train.csv": b"other"}, SECOND
    (tmp_path / "results/raw/odd/train.csv").unlink()
    assert (get(source("train.csv"), tmp_path) / "train.csv").read_bytes() == b"train"
    (tmp_path / "lock.json").unlink()
    assert (get(source("train.csv"), tmp_path) / "train.csv").read_bytes() == b"other"


def test_a_recorded_commit_that_is_gone_is_named(hub: Hub, tmp_path: Path) -> None:
    get(source("train.csv"), tmp_path)
    hub.files[SECOND], hub.revisions["main"] = hub.files.pop(FIRST), SECOND
    with pytest.raises(PolymathError, match=f"commit {FIRST} recorded .* delete the entry"):
        get(source("train.csv"), tmp_path)


def test_a_file_that_changed_at_its_commit_is_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    folder = get(source("train.csv"), tmp_path)
    (folder / "train.csv").unlink()
    hub.files[FIRST]["train.csv"] = b"altered"
    with pytest.raises(PolymathError, match=r"'train\.csv' has sha256 .* was recorded in"):
        get(source("train.csv"), tmp_path)
    assert not (folder / "train.csv").exists()


def test_an_altered_copy_beside_the_manifest_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    folder = get(source("train.csv"), tmp_path)
    (folder / "train.csv").write_text("altered")
    assert (get(source("train.csv"), tmp_path) / "train.csv").read_bytes() == b"train"


def test_a_cut_connection_is_resumed(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.0)
    content = bytes(range(256)) * 4000
    hub.files[FIRST]["big.bin"], hub.cuts = content, [500_000]
    logged: list[str] = []
    assert (get(source("big.bin"), tmp_path, logged) / "big.bin").read_bytes() == content
    assert "1.0 of 1.0 MB" in logged


def test_files_lie_in_the_folder_as_it_was_named(hub: Hub, tmp_path: Path) -> None:
    """Results are often a link to a larger disk; the cache names files relative to the folder."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    folder, what = tmp_path / "results/raw/odd", source("*.csv")
    lock = Lock.of(tmp_path / "lock.json", folder / MANIFEST, what)
    files = fetch_hub(what, folder, lock, lambda message: None)
    assert {str(file.relative_to(folder)) for file in files} == {"train.csv", "sub/test.csv"}
    assert all(file.is_file() for file in files)


def test_code_is_never_fetched(hub: Hub, tmp_path: Path) -> None:
    get(source("*"), tmp_path)
    assert not any("load.py" in path for path in hub.asked)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["model.safetensors", "pytorch_model.bin", "tf_model.h5"], ["model.safetensors"]),
        (["pytorch_model.bin", "flax_model.msgpack"], ["pytorch_model.bin"]),
        (["model.safetensors.index.json", "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors", "pytorch_model.bin"],
         ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "model.safetensors.index.json"]),
    ],
)  # fmt: skip
def test_of_a_model_its_configuration_weights_and_tokenizer_are_taken(
    hub: Hub, there: list[str], taken: list[str], tmp_path: Path
) -> None:
    tokenizer = ["spm.model", "tokenizer_config.json", "vocab.txt"]
    others = ["onnx/model.onnx", "modeling.py", "README.md", "training_args.bin"]
    hub.files[FIRST] = dict.fromkeys(["config.json", *there, *tokenizer, *others], b"{}")
    folder = get(source(type="model"), tmp_path)
    names = {file.path for file in Manifest.read(folder / MANIFEST).files}
    assert names == {"config.json", *taken, *tokenizer}


def test_a_model_without_weights_says_what_there_is(hub: Hub, tmp_path: Path) -> None:
    hub.files[FIRST] = {"config.json": b"{}", "tf_model.h5": b""}
    with pytest.raises(PolymathError, match=r"under 'files'.*config\.json, tf_model\.h5"):
        get(source(type="model"), tmp_path)


@pytest.mark.parametrize(
    ("files", "changes", "message"),
    [
        ("trian.csv", {}, r"'trian\.csv': did you mean 'train\.csv'"),
        ("*", {"repo": "owner/gone"}, r"owner/gone: .*'repo' and 'type'.*HF_TOKEN"),
        ("*", {"revision": "v9"}, "owner/repo: no revision 'v9'.*'revision'"),
    ],
)
def test_what_the_hub_does_not_have_is_named(
    hub: Hub, files: str, changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(PolymathError, match=message):
        get(source(files, **changes), tmp_path)


def test_a_gated_repository_is_an_error_with_a_remedy(hub: Hub, tmp_path: Path) -> None:
    hub.is_gated = True
    with pytest.raises(PolymathError, match=r"gated: accept its terms .* HF_TOKEN"):
        get(source("*.csv"), tmp_path)


def test_no_network_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with refusing() as address:
        use_hub(monkeypatch, address, tmp_path / "cache")
        with pytest.raises(PolymathError, match=r"cannot be reached.*HF_ENDPOINT"):
            get(source("*.csv"), tmp_path)


def test_offline_mode_is_respected(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PolymathError, match=r"cannot be reached.*offline mode is enabled"):
        get(source("*.csv"), tmp_path)
    assert hub.asked == []


def test_the_endpoint_of_the_environment_is_asked(hub: Hub, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from polymath.experiment.sources import HubSource; "
        "from polymath.data.fetch.fetch import fetch; "
        "fetch(HubSource(kind='hub', repo='owner/repo', type='dataset', files=('*.csv',)), "
        "Path('raw/odd/manifest.json'), 1, print)"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"),
                   "PYTHONPATH": str(ROOT / "workflow")}  # fmt: skip
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "raw/odd/train.csv").read_bytes() == b"train"
    assert read_json(tmp_path / "polymath.lock.json")["raw/odd"]
