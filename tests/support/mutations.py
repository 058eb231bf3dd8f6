"""Damage to files, and seeded damage for fuzzing."""

import json
from pathlib import Path
from random import Random
from typing import Any

ENDS = 4096  # bytes at both ends of a file, where headers and directories are
LENGTHS = (1, 2, 4, 8, 64, 1000)
ODD: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 1.5, 10**9, 10**30, float("inf"), float("nan"), "", "x", "bert",
    [], {}, [1], {"a": 1}, ["x"] * 3,
)  # fmt: skip
# Keys of a model's config.json that any may have.
KEYS = (
    "add_cross_attention", "architectures", "auto_map", "chunk_size_feed_forward", "dtype",
    "hidden_act", "id2label", "is_decoder", "label2id", "layer_norm_eps", "num_labels",
    "output_hidden_states", "problem_type", "pruned_heads", "return_dict", "rope_parameters",
    "tie_word_embeddings", "torch_dtype", "transformers_version", "use_cache",
)  # fmt: skip


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Flip, replace, delete, repeat, cut or insert bytes, one to four times."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        if data:
            start = _place(len(data), random)
            stop = min(start + random.choice(LENGTHS), len(data))
            _mutate_once(data, start, stop, random)
    return bytes(data)


def _place(size: int, random: Random) -> int:
    near = random.randrange(min(ENDS, size))
    return random.choice((near, size - 1 - near, random.randrange(size)))


def _mutate_once(data: bytearray, start: int, stop: int, random: Random) -> None:
    match random.randrange(8):
        case 0:
            data[start] ^= 1 << random.randrange(8)
        case 1:
            data[start:stop] = random.randbytes(stop - start)
        case 2:
            del data[start:stop]
        case 3:
            data[start:start] = data[start:stop]
        case 4:
            del data[start:]
        case 5:
            data[start:stop] = bytes(stop - start)
        case 6:
            data[start:stop] = b"\xff" * (stop - start)
        case _:
            data[start:start] = random.randbytes(stop - start)


def mutate_json(content: bytes, random: Random) -> bytes:
    """Delete, replace, exchange or add values of a JSON object, one to four times."""
    values: dict[str, Any] = json.loads(content)
    for _ in range(random.choice((1, 1, 2, 4))):
        key = random.choice(sorted(values))
        match random.randrange(4):
            case 0:
                del values[key]
            case 1:
                values[key] = random.choice(ODD)
            case 2:
                values[key] = values[random.choice(sorted(values))]
            case _:
                values[random.choice(KEYS)] = random.choice(ODD)
    return json.dumps(values).encode()
