"""What to do about errors of the machine: no space, memory, permission or open files left."""

import errno
import re

SPACE = "free some space and run the same command again"
WRITABLE = "make it writable, or choose another folder, and run the same command again"
LINK = "remove the link that stands where a file or folder is needed, and run it again"
SHORTER = "use a shorter name, or a folder with a shorter path, and run the same command again"
BROKEN = "check the disk, or the server of the folder, and run the same command again"
FOLDER = "rename the file that stands where a folder is needed, and run the same command again"
REMEDIES = {
    errno.ENOSPC: SPACE,
    errno.EDQUOT: SPACE,
    errno.EACCES: WRITABLE,
    errno.EPERM: WRITABLE,
    errno.EROFS: WRITABLE,
    errno.EEXIST: FOLDER,
    errno.ENOTDIR: FOLDER,
    errno.EISDIR: "rename the folder that stands where a file is needed, and run it again",
    errno.ELOOP: LINK,
    errno.ENAMETOOLONG: SHORTER,
    errno.EIO: BROKEN,
    errno.ESTALE: BROKEN,
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run the same command again",
    errno.EMFILE: "raise the limit on open files (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
}
MEMORY = "too little memory: give the job more, or lower batch_size or raise accumulation"


def remedy_for(error: Exception) -> str | None:
    """Return what to do about an error of the machine; None if nothing is known."""
    if is_lack_of_memory(error):
        return MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        return REMEDIES.get(error.errno)
    return None


def is_lack_of_memory(error: Exception) -> bool:
    """Whether an error says that memory is used up; torch's allocators raise a RuntimeError."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno == errno.ENOMEM
    # The last is what oneDNN says, whose matrix products torch uses.
    words = r"can't allocate memory|out of memory|could not create a primitive"
    return isinstance(error, MemoryError) or re.search(words, str(error)) is not None
