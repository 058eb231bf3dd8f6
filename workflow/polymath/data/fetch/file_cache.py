"""Fetched files, kept once per machine and user: another results folder copies them.

An entry is a folder named by a digest of all that its files depend on: of a download, what pins its
content; of rendered scores, the rendering. It holds the files and `index.json`: their order and
checksums, and what could not be made. A cache that cannot be used costs a second download or
rendering, and nothing else.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymath.data.fetch.progress import Log
from polymath.util.errors import PolymathError
from polymath.util.storage import digest_of, read_json, sha256_of, whole_file, write_json
from polymath.util.user_folders import cache_folder

INDEX = "index.json"
Fetched = tuple[list[Path], list[dict[str, str]]]
"""Files, and which ones could not be made, with the reason."""


@dataclass(frozen=True)
class FileCache:
    """One entry of the cache, whether it is there or not."""

    entry: Path
    log: Log

    @classmethod
    def of(cls, kind: str, settings: dict[str, Any], log: Log) -> "FileCache | None":
        """Return the entry of these settings; None, which is logged, if there is no safe place.

        The place is `polymath/KIND` in XDG_CACHE_HOME or ~/.cache.
        """
        folder = cache_folder(log)
        return None if folder is None else cls(folder / kind / digest_of(settings), log)

    def restore(self, folder: Path) -> Fetched | None:
        """Copy the entry's files to `folder`; None if it is missing, cut or altered."""
        index = self.entry / INDEX
        if not index.exists():
            return None
        try:
            content = read_json(index)
            files, rejected = content["files"], list(content["rejected"])
            copies = [self._copy(name, folder / name, sha256) for name, sha256 in files]
        except (PolymathError, OSError, TypeError, KeyError, ValueError) as error:
            self.log(f"{self.entry} is not used: {error}")
            return None
        self.log(f"copied {len(copies)} files from {self.entry}")
        return copies, rejected

    def _copy(self, name: str, target: Path, sha256: str) -> Path:
        with whole_file(target) as temporary:
            shutil.copyfile(self.entry / name, temporary)
            if sha256_of(temporary) != sha256:
                raise ValueError(f"{self.entry / name} has another checksum than {INDEX} states")
        return target

    def keep(self, folder: Path, fetched: Fetched) -> None:
        """Copy files into the entry, which appears whole or not at all."""
        files, rejected = fetched
        try:
            self.entry.parent.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.entry.parent) as scratch:
                whole = folder.absolute()
                names = [file.absolute().relative_to(whole).as_posix() for file in files]
                for file, name in zip(files, names, strict=True):
                    copy = Path(scratch, "entry", name)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copy)
                sums = [(name, sha256_of(file)) for name, file in zip(names, files, strict=True)]
                write_json({"files": sums, "rejected": rejected}, Path(scratch, "entry", INDEX))
                if self.entry.exists():  # damaged
                    shutil.rmtree(self.entry)
                Path(scratch, "entry").rename(self.entry)
        except OSError as error:  # a full disk, or another run that kept them at the same time
            self.log(f"not cached: {error}")
