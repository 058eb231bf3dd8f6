"""Download files from http and https addresses: resumed, retried, verified.

By requests alone: pooch starts a cut download again and does not retry a busy server.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from polymath.data.fetch.archives import extract
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.progress import Log, Progress
from polymath.experiment.sources import RemoteFile, UrlSource
from polymath.util.errors import PolymathError
from polymath.util.secrets import fill_secrets, redact
from polymath.util.storage import sha256_of

RETRIES = 5  # consecutive ones without a new byte
BACKOFF = 1.0  # seconds before the first retry; doubled each time
CONNECT_SECONDS, READ_SECONDS = 20.0, 60.0
CHUNK = 1 << 14  # bytes; what a cut connection loses at most
BUSY = (429, 500, 502, 503, 504)
# The errors of a cut connection. A wrong address or certificate is not retried.
CUT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


def fetch_urls(source: UrlSource, folder: Path, lock: Lock, log: Log) -> list[Path]:
    """Download each file into `folder`, check its SHA-256 and extract archives' members.

    Raises:
        PolymathError: if a file cannot be fetched, or has changed.
    """
    with _session() as session:
        fetcher = _Fetcher(session, folder, lock, log)
        files: list[Path] = []
        for file in source.files:
            written = fetcher.fetch(file)
            repeated = set(written) & set(files)
            if repeated:
                raise PolymathError(
                    f"{file.url}: '{min(repeated).relative_to(folder)}' also comes from an "
                    "address before it: take it from one of them, by 'members' or 'name'"
                )
            files += written
    return files


def _session() -> requests.Session:
    """Return a session that retries when a server is busy, after the time that it asks for."""
    session = requests.Session()
    retry = Retry(
        total=RETRIES, connect=0, read=0, backoff_factor=BACKOFF, status_forcelist=BUSY,
        raise_on_status=False,
    )  # fmt: skip
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    # Ranges count the bytes on the wire, so these must be the file's own.
    session.headers["Accept-Encoding"] = "identity"
    return session


@dataclass(frozen=True)
class _PartialFile:
    """The bytes that have arrived from an address, and the version of the file that they are of."""

    url: str
    path: Path

    @classmethod
    def of(cls, file: RemoteFile, url: str, folder: Path) -> "_PartialFile":
        """Return the partial file of this address, beside the file."""
        folder.mkdir(parents=True, exist_ok=True)
        address = hashlib.sha256(url.encode()).hexdigest()[:8]
        return cls(url, folder / f".{file.file_name}.{address}.part")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> str:
        """The server's tag of the file's version; empty if it gave none."""
        return self._version.read_text() if self._version.exists() else ""

    @property
    def _version(self) -> Path:
        return self.path.with_suffix(".version")

    def restart(self, version: str) -> None:
        """Empty it, for another version of the file."""
        self.path.write_bytes(b"")
        self._version.write_text(version)

    def discard(self) -> None:
        """Delete it."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Fetcher:
    """Fetches files into a folder in one session."""

    session: requests.Session
    folder: Path
    lock: Lock
    log: Log

    def fetch(self, file: RemoteFile) -> list[Path]:
        """Return where a file lies, or the members that were extracted from it."""
        partial = self._fetch_from_any(file)
        if file.members:
            written = extract(partial.path, partial.url, file.members, self.folder)
        else:
            written = [partial.path.replace(self.folder / file.file_name)]
        for address in file.addresses:
            _PartialFile.of(file, address, self.folder).discard()
        return written

    def _fetch_from_any(self, file: RemoteFile) -> _PartialFile:
        """Return the whole, checked file of the first address that served it."""
        failures: list[str] = []
        for number, url in enumerate(file.addresses, start=1):
            partial = _PartialFile.of(file, url, self.folder)
            try:
                self._fetch_from(file, partial)
            except PolymathError as error:
                failures.append(str(error))
                if number < len(file.addresses):
                    self.log(f"{error}\ntrying the mirror {file.addresses[number]}")
            else:
                return partial
        if len(failures) == 1:
            raise PolymathError(failures[0])
        raise PolymathError(
            f"{file.file_name}: could not be downloaded from any of its {len(failures)} "
            "addresses:\n" + "\n".join(failures)
        )

    def _fetch_from(self, file: RemoteFile, partial: _PartialFile) -> None:
        self.log(f"downloading {partial.url}")
        is_known = file.sha256 is not None or file.file_name in self.lock.files
        self._download(partial, is_known)
        sha256 = sha256_of(partial.path)
        self.log(f"checked {file.file_name} ({partial.size / 1e6:.1f} MB): sha256 {sha256}")
        try:
            if file.sha256 is None:
                self.lock.keep({file.file_name: sha256})
            elif sha256 != file.sha256:
                raise PolymathError(
                    f"{partial.url}: its sha256 is {sha256}, the catalogue says {file.sha256}: the "
                    "file changed, or was altered on the way. Run again; if the error stays, check "
                    "'sha256' in the catalogue"
                )
        except PolymathError:
            partial.discard()
            raise

    def _download(self, partial: _PartialFile, is_known: bool) -> None:
        """Complete the partial file, resuming where a cut connection left it.

        Args:
            is_known: whether the file's checksum is known, so that bytes of another version would
                be noticed.
        """
        url, failures, most = partial.url, 0, partial.size
        while True:
            if not (partial.version or is_known):
                partial.discard()
            try:
                self._resume(partial)
            except requests.exceptions.SSLError as error:
                raise PolymathError(f"{url}: no safe connection: {redact(error)}") from None
            except CUT as error:
                failures = 1 if partial.size > most else failures + 1
                most = max(most, partial.size)
                arrived = f"{partial.size / 1e6:.1f} MB"
                if failures > RETRIES:
                    raise PolymathError(
                        f"{url}: the connection failed {failures} times: {redact(error)}. Check "
                        f"the network and run again: the download resumes at {arrived}"
                    ) from None
                self.log(f"connection lost at {arrived}: retrying")
                time.sleep(BACKOFF * 2 ** (failures - 1))
            except requests.RequestException as error:
                raise PolymathError(
                    f"{url}: {redact(error)}: check 'url' in the catalogue"
                ) from None
            else:
                return

    def _resume(self, partial: _PartialFile) -> None:
        start = partial.size
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and partial.version:
            headers["If-Range"] = partial.version
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        with self.session.get(
            fill_secrets(partial.url), headers=headers, stream=True, timeout=timeout
        ) as response:
            if start and response.headers.get("Content-Range") == f"bytes */{start}":
                return  # the partial file is whole already
            if start and not _continues(response, start, partial.version):
                if response.status_code in (206, 416):
                    # Another range than requested, or one beyond the end: the file is useless.
                    partial.discard()
                    raise requests.ConnectionError("the server sent another range than requested")
                start = 0  # the server ignores ranges, the file changed, or it is an error
            if not response.ok:
                raise PolymathError(_explain(partial.url, response))
            if not start:
                partial.restart(_version_of(response))
            length = response.headers.get("Content-Length")
            progress = Progress(self.log, start, start + int(length) if length else None)
            with partial.path.open("ab") as handle:
                for chunk in response.iter_content(CHUNK):
                    handle.write(chunk)
                    progress.add(len(chunk))


def _continues(response: requests.Response, start: int, version: str) -> bool:
    return (
        response.status_code == 206
        and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        and _version_of(response) == version
    )


def _version_of(response: requests.Response) -> str:
    """Return a tag for If-Range: a strong ETag, else the date of the last change."""
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return response.headers.get("Last-Modified", "")


def _explain(url: str, response: requests.Response) -> str:
    status = f"{url}: the server answered {response.status_code} {response.reason}"
    if response.status_code in BUSY:
        return f"{status}, after {RETRIES} retries: try later"
    if response.status_code in (401, 403):
        return (
            f"{status}: it needs a login: put it in ~/.netrc, or fetch the file yourself "
            "and use kind: path"
        )
    return f"{status}: check 'url' in the catalogue, or fetch the file elsewhere and use kind: path"
