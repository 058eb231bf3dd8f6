"""Claim one GPU per job, and choose the precision that a device supports.

Snakemake counts GPUs (`--resources gpu=4`) but assigns none, so each job takes the first free one.
It holds a lock per device (several, where conditions share it), which the kernel frees even when
a job is killed. So do several jobs inside one SLURM allocation of several GPUs.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

from filelock import FileLock

from polymath.util.gpus import count_gpus, lock_folder, named_gpus
from polymath.util.locks import try_lock

WAIT_SECONDS = 1.0
HARDWARE_QUEUES = 32  # as many as a device has at most, and as torch has streams


@contextmanager
def claimed_device(log: Callable[[str], None], sharing: int = 1) -> Iterator[str]:
    """Yield the torch device of this job, "cuda" or "cpu", and hold it until the block ends.

    Up to `sharing` jobs hold a GPU at once; a free GPU is taken first. This must run before CUDA is
    initialised, because it sets CUDA_VISIBLE_DEVICES. A job's only GPU under SLURM is its own.

    Raises:
        PolymathError: if the locks' folder is another user's.
    """
    candidates = _candidates()
    lock: FileLock | None = None
    if candidates and ("SLURM_JOB_ID" not in os.environ or len(candidates) > 1):
        lock, device = _lock_first_free(candidates, sharing, log)
        os.environ["CUDA_VISIBLE_DEVICES"] = device
        log(f"took GPU {device}")
    import torch

    try:
        yield "cuda" if torch.cuda.is_available() else "cpu"
    finally:
        if lock is not None:
            lock.release()


def _candidates() -> list[str]:
    """Return the GPUs that this job may use: CUDA_VISIBLE_DEVICES, or all of the machine.

    The driver's files are counted first: where NVML is missing, as in some containers, torch asks
    CUDA, which then no longer reads CUDA_VISIBLE_DEVICES (pytorch issue 159641).
    """
    named = named_gpus()
    if named is not None:
        return named
    import torch

    shown = count_gpus() if torch.version.cuda else 0
    return [str(number) for number in range(shown or torch.cuda.device_count())]


def _lock_first_free(
    candidates: list[str], sharing: int, log: Callable[[str], None]
) -> tuple[FileLock, str]:
    folder = lock_folder(log)
    told = False
    while True:
        for place, device in product(range(sharing), candidates):
            handle = try_lock(folder / f"{device.replace('/', '_')}.{place}")
            if handle is not None:
                return handle, device
        if not told:
            log(f"all of the GPUs {', '.join(candidates)} are taken: waiting for one")
            told = True
        time.sleep(WAIT_SECONDS)


def configure_torch(threads: int) -> None:
    """Set torch's threads, choose kernels, and keep freed memory.

    This must run before CUDA is initialised, because it sets variables that CUDA reads then.
    """
    # Without this, matrix products on concurrent CUDA streams may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # CUDA maps streams to 8 hardware queues by default, and those that share one wait for each
    # other. Read when CUDA is initialised, so it must be set before.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", str(HARDWARE_QUEUES))
    import torch

    from polymath.training.acceleration.cpu_kernels import keep_freed_memory

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # cuDNN's attention, torch's first choice on recent GPUs, gives NaN gradients at lengths of ours
    # (pytorch issue 196678) and plans each new shape for tens to hundreds of milliseconds.
    torch.backends.cuda.enable_cudnn_sdp(False)
    keep_freed_memory()


def resolve_precision(precision: str, device: str) -> str:
    """Return "bf16" or "fp32" for a recipe's precision on a device."""
    if precision != "auto":
        return precision
    import torch

    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


def measure_product(size: int = 1536, repeats: int = 5) -> float:
    """Return the FLOP/s of this machine's best of several square matrix products, in the precision
    that recipes have by default.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = torch.bfloat16 if resolve_precision("auto", device) == "bf16" else torch.float32
    left, right = (torch.ones(size, size, device=device, dtype=kind) for _ in range(2))
    fastest = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        float((left @ right)[0, 0])  # waits for a GPU
        fastest = min(fastest, time.perf_counter() - started)
    return float(2 * size**3 / fastest)


def free_memory(device: str, sharing: int) -> int | None:
    """Return the bytes of GPU memory that one of `sharing` jobs may take; None on the CPU."""
    import torch

    if device != "cuda":
        return None
    free, total = torch.cuda.mem_get_info()
    return min(free, total // sharing)


def device_name(device: str) -> str:
    """Return the device's name for the results' metadata."""
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "cpu"
