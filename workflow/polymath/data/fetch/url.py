"""Download files from http and https addresses: resumed, retried, verified.

By requests alone: pooch starts a cut download anew and does not retry a busy server.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from polymath.data.fetch.archives import extract
from polymath.data.fetch.lock import Lock
from polymath.data.fetch.progress import Progress
from polymath.experiment.sources import RemoteFile, UrlSource
from polymath.util.errors import PolymathError
from polymath.util.storage import sha256_of

RETRIES = 5  # in a row without a new byte
BACKOFF = 1.0  # seconds before a retry; then twice as long each time
CONNECT_SECONDS, READ_SECONDS = 20.0, 60.0
CHUNK = 1 << 14  # bytes; what a cut connection loses at most
BUSY = (429, 500, 502, 503, 504)
# A cut connection ends in one of these; a wrong address or certificate is no reason to retry.
CUT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


def fetch_urls(
    source: UrlSource, folder: Path, lock: Lock, log: Callable[[str], None]
) -> list[Path]:
    """Download each file into `folder`, check its SHA-256 and take archives' members out.

    Raises:
        PolymathError: if a file cannot be had, or is not what it was.
    """
    with _session() as session:
        files: list[Path] = []
        for file in source.files:
            written = _fetch_file(session, file, folder, lock, log)
            repeated = set(written) & set(files)
            if repeated:
                raise PolymathError(
                    f"{file.url}: '{min(repeated).relative_to(folder)}' is also in an address "
                    "before it: take it from one of them only, by 'members' or 'name'"
                )
            files += written
    return files


def _session() -> requests.Session:
    """A session that waits and asks again when a server is busy, as long as the server says."""
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


def _fetch_file(
    session: requests.Session,
    file: RemoteFile,
    folder: Path,
    lock: Lock,
    log: Callable[[str], None],
) -> list[Path]:
    recorded = lock.files.get(file.file_name)
    log(f"downloading {file.url}")
    part = _Part.of(file, folder)
    is_known = (file.sha256 or recorded) is not None
    _download(session, file.url, part, is_known, log)
    found = sha256_of(part.path)
    log(f"checked {file.file_name} ({part.size / 1e6:.1f} MB): sha256 {found}")
    try:
        if file.sha256 is None:
            lock.require(file.file_name, found, recorded or found)
        elif found != file.sha256:
            raise PolymathError(
                f"{file.url}: its sha256 is {found}, the catalogue says {file.sha256}: the file "
                "changed or was altered on the way. Run again; if it stays, check 'sha256' in the "
                "catalogue"
            )
    except PolymathError:
        part.discard()
        raise
    if file.members:
        written = extract(part.path, file.url, file.members, folder)
    else:
        written = [part.path.replace(folder / file.file_name)]
    part.discard()
    if file.sha256 is None:
        lock.keep({file.file_name: found})
    return written


@dataclass(frozen=True)
class _Part:
    """What has come of a file so far, and the version of the file that it is a part of."""

    path: Path

    @classmethod
    def of(cls, file: RemoteFile, folder: Path) -> "_Part":
        """Return the part beside the file, of that very address."""
        folder.mkdir(parents=True, exist_ok=True)
        address = hashlib.sha256(file.url.encode()).hexdigest()[:8]
        return cls(folder / f".{file.file_name}.{address}.part")

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def version(self) -> str:
        """The server's mark of the file's version; empty if it gave none."""
        return self._version.read_text() if self._version.exists() else ""

    @property
    def _version(self) -> Path:
        return self.path.with_suffix(".version")

    def begin(self, version: str) -> None:
        """Start anew."""
        self.path.write_bytes(b"")
        self._version.write_text(version)

    def discard(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)


def _download(
    session: requests.Session,
    url: str,
    part: _Part,
    is_known: bool,
    log: Callable[[str], None],
) -> None:
    """Bring `part` to the whole file, going on where a cut connection left it.

    Args:
        is_known: whether the file's checksum is known, so that a part of another file is noticed.
    """
    failures, most = 0, part.size
    while True:
        if not (part.version or is_known):
            part.discard()
        try:
            _continue(session, url, part, log)
        except requests.exceptions.SSLError as error:
            raise PolymathError(f"{url}: no safe connection: {error}") from None
        except CUT as error:
            failures = 1 if part.size > most else failures + 1
            most = max(most, part.size)
            if failures > RETRIES:
                raise PolymathError(
                    f"{url}: the connection failed {failures} times: {error}. Check the network "
                    f"and run again: it goes on from {part.size / 1e6:.1f} MB"
                ) from None
            log(f"connection lost at {part.size / 1e6:.1f} MB: trying again")
            time.sleep(BACKOFF * 2 ** (failures - 1))
        except requests.RequestException as error:
            raise PolymathError(f"{url}: {error}: check 'url' in the catalogue") from None
        else:
            return


def _continue(session: requests.Session, url: str, part: _Part, log: Callable[[str], None]) -> None:
    start = part.size
    headers = {"Range": f"bytes={start}-"} if start else {}
    if start and part.version:
        headers["If-Range"] = part.version
    with session.get(
        url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
    ) as answer:
        if start and answer.headers.get("Content-Range") == f"bytes */{start}":
            return  # it was whole already
        if start and not _goes_on(answer, start, part.version):
            if answer.status_code in (206, 416):
                # A range that was not asked for, or beyond the end: the part is of no use.
                part.discard()
                raise requests.ConnectionError("the server sent another range than asked for")
            start = 0  # it ignores ranges, or the file changed, or there is an error to explain
        if not answer.ok:
            raise PolymathError(_explain(url, answer))
        if not start:
            part.begin(_version_of(answer))
        _append(answer, part, start, log)


def _goes_on(answer: requests.Response, start: int, version: str) -> bool:
    return (
        answer.status_code == 206
        and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        and _version_of(answer) == version
    )


def _version_of(answer: requests.Response) -> str:
    """A mark that is fit for If-Range: a strong ETag, else the date of the last change."""
    tag: str = answer.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return answer.headers.get("Last-Modified", "")


def _append(answer: requests.Response, part: _Part, start: int, log: Callable[[str], None]) -> None:
    length = answer.headers.get("Content-Length")
    progress = Progress(log, start, start + int(length) if length else None)
    with part.path.open("ab") as handle:
        for chunk in answer.iter_content(CHUNK):
            handle.write(chunk)
            progress.add(len(chunk))


def _explain(url: str, answer: requests.Response) -> str:
    status = f"{url}: the server says {answer.status_code} {answer.reason}"
    if answer.status_code in BUSY:
        return f"{status}, after {RETRIES} retries: try later"
    if answer.status_code in (401, 403):
        return f"{status}: it wants a login. Fetch the file yourself and use kind: path"
    return f"{status}: check 'url' in the catalogue, or fetch the file elsewhere and use kind: path"
