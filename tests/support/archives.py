"""Archives in memory, of each kind that is read."""

import io
import tarfile
import zipfile
from collections.abc import Callable

CONTENT = bytes(range(256)) * 4000  # a megabyte


def zip_of(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


BUILDERS: list[Callable[[dict[str, bytes]], bytes]] = [
    zip_of, tar_of, lambda members: tar_of(members, "w"), lambda members: tar_of(members, "w:xz"),
]  # fmt: skip
