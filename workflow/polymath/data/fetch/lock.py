"""The lock file: checksums recorded when a source is first fetched, enforced from then on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polymath.experiment.base import StrictModel
from polymath.experiment.paths import source_name
from polymath.experiment.sources import identity_of
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.locks import locked
from polymath.util.storage import digest_of, read_json, write_json


@dataclass(frozen=True)
class Lock:
    """One source's entry in the lock file.

    The source's description is part of the key: a changed source is a new entry.
    """

    path: Path
    place: str  # kind/name, as raw/rte
    digest: str

    @classmethod
    def of(cls, path: Path, manifest: Path, source: StrictModel) -> "Lock":
        """Return the entry of the source whose files lie around `manifest`."""
        return cls(
            path,
            source_name(manifest),
            digest_of(identity_of(source, exclude_defaults=True)),
        )

    @property
    def commit(self) -> str | None:
        """The hub commit of the source's revision when it was first fetched."""
        commit: str | None = self._entry(self._read()).get("commit")
        return commit

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file, by name."""
        return dict(self._entry(self._read()).get("files", {}))

    def keep(self, files: Mapping[str, str], commit: str | None = None) -> None:
        """Record what was fetched; several jobs may do so at once.

        Args:
            files: the SHA-256 of each file, by name.

        Raises:
            PolymathError: if another checksum is recorded; the message tells how to accept it.
        """
        # The file itself is replaced at each update, so another one is locked.
        with locked(self.path.with_name(f".{self.path.name}.guard")):
            content = self._read()
            entry = self._entry(content)
            recorded = entry.get("files", {})
            for name, sha256 in files.items():
                if recorded.get(name, sha256) != sha256:
                    raise PolymathError(
                        f"{self.place}: '{name}' has sha256 {sha256}, but {recorded[name]} was "
                        f"recorded in {self.path} when it was first fetched: it changed at its "
                        "source, or is damaged. To accept the change, delete the entry "
                        f"'{self.place}' of {self.path}"
                    )
            entry = {**entry, "files": {**recorded, **files}}
            if commit is not None:
                entry["commit"] = commit
            entries = {**content.get(self.place, {}), self.digest: entry}
            write_json({**content, self.place: entries}, self.path)

    def _entry(self, content: Mapping[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] = content.get(self.place, {}).get(self.digest, {})
        return entry

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        try:
            content: dict[str, Any] = read_json(self.path)
            if not isinstance(content, dict) or not isinstance(content.get(self.place, {}), dict):
                raise ValueError("it does not hold entries by source")
        except (ValueError, DamagedError) as error:
            reason = error.reason if isinstance(error, DamagedError) else error
            raise PolymathError(
                f"{self.path}: not a lock file: {reason}. Restore it from version control, or "
                "delete it to record all checksums again"
            ) from None
        return content
