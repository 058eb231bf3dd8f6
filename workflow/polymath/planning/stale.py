"""Results that exist but are not what the experiment asks for, or are damaged."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from polymath.experiment.requests import Request
from polymath.util.errors import DamagedError, PolymathError
from polymath.util.identity import (
    describe,
    find_difference,
    identity_of,
    join_identities,
    paths_in,
    read_made_from,
)
from polymath.util.storage import COMPANION_SHA256, digest_of, read_metadata, sha256_of


def with_dependents(stale: Mapping[Path, str], requests: Iterable[Request]) -> dict[Path, str]:
    """Add the results that are made from stale ones, or from absent ones that are.

    Args:
        requests: inputs first.
    """
    remade = dict(stale)
    for request in requests:
        inputs = [path for files in request.inputs.values() for path in paths_in(files)]
        old = [path for path in inputs if path in remade]
        if old:
            remade.setdefault(request.path, f"{old[0]} will be made again")
    return {path: reason for path, reason in remade.items() if path.is_file()}


def _is_damaged(companion: Path, table: Path) -> bool:
    """Whether a file is not as the table states that was written with it."""
    if not (companion.is_file() and table.is_file()):
        return False
    try:
        stated = read_metadata(table).get(COMPANION_SHA256)
    except DamagedError:  # both are made again
        return False
    return stated is not None and sha256_of(companion) != stated


@dataclass(frozen=True)
class Comparison:
    """Compares results with what is asked for; reads each file once.

    A table that does not exist has the identity that it would have: Snakemake makes it only where
    what is made from it is to be made again.
    """

    own: Mapping[Path, Callable[[], str | None]] = field(default_factory=dict)
    """Functions that return the identities which absent manifests would have, if that is known."""
    _identities: dict[Path, str | None] = field(default_factory=dict, init=False)
    _absent: dict[Path, Request] = field(default_factory=dict, init=False)
    """What is asked of tables that do not exist: described only where one that does needs it."""

    def find_stale(self, requests: Iterable[Request]) -> Iterator[tuple[Path, str]]:
        """Yield each result that exists and must be made again, with the reason.

        Args:
            requests: inputs first.
        """
        for request in requests:
            reason = self.explain(request)
            if reason:
                yield request.path, reason
            if request.companion and _is_damaged(request.companion, request.path):
                yield request.companion, "damaged: its checksum does not match"

    def explain(self, request: Request) -> str | None:
        """Return why a result must be made again; None if it is as asked for, or does not exist."""
        if not request.path.is_file():
            if request.path.suffix == ".parquet":
                self._absent[request.path] = request
            return None
        wanted, unknown = self._wanted(request)
        try:
            stated = read_made_from(request.path)
        except DamagedError as error:
            return f"damaged: {error.reason}"
        if not stated:
            return find_difference(stated, wanted)
        inputs = stated.get("inputs", {})
        known = {name: value for name, value in inputs.items() if name not in unknown}
        return find_difference({**stated, "inputs": known}, wanted)

    def _wanted(self, request: Request) -> tuple[dict[str, Any], set[str]]:
        """Return what a result must state, and the names of inputs whose identity is unknown."""
        wanted, unknown = describe(request.asked, {}), set()
        for name, files in request.inputs.items():
            identities = [self._identity(path) for path in paths_in(files)]
            known = [identity for identity in identities if identity is not None]
            if len(known) == len(identities):
                wanted["inputs"][name] = join_identities(known)
            else:
                unknown.add(name)
        return wanted, unknown

    def _identity(self, path: Path) -> str | None:
        if path not in self._identities:
            self._identities[path] = self._find_identity(path)
        return self._identities[path]

    def _find_identity(self, path: Path) -> str | None:
        if path in self._absent:
            wanted, unknown = self._wanted(self._absent[path])
            return None if unknown else digest_of(wanted)
        if path in self.own:
            return self.own[path]()
        try:
            return identity_of(path)
        except PolymathError:
            return None
