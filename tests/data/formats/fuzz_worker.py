"""Opens volumes whose headers are damaged at random; ends with an error where one is mishandled.

Run by test_fuzz in a process of its own, for a native library that crashes takes its process along.
"""

from __future__ import annotations

import copy
import faulthandler
import json
import random
import resource
import signal
import sys
from pathlib import Path

import numpy as np

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

CASE_SECONDS = 20
SMALL = 2**24
WORDS = [
    0,
    1,
    2,
    3,
    8,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**40,
    2**63,
    2**64 - 1,
]
VALUES = [
    0,
    -1,
    1,
    2**31,
    2**63,
    1e308,
    0.5,
    None,
    True,
    "",
    "x",
    "<i9",
    "|O",
    [],
    {},
    [0],
    [-1, 1, 1],
    [2**40] * 3,
]


def mutated(content: bytes, chance: random.Random, header: int) -> bytes:
    """Return the bytes with a few changes within the header, or cut short."""
    damaged = bytearray(content)
    if chance.random() < 0.05:
        return bytes(damaged[: chance.randrange(len(damaged))])
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        at = chance.randrange(min(header, len(damaged)))
        width = chance.choice([1, 1, 2, 4, 8])
        if chance.random() < 0.5:
            new = (chance.choice(WORDS) % 256**width).to_bytes(width, chance.choice(["little", "big"]))
        else:
            new = chance.randbytes(width)
        damaged[at : at + width] = new[: max(0, len(damaged) - at)]
    return bytes(damaged)


def mutated_json(content: bytes, chance: random.Random) -> bytes:
    """Return JSON with some values replaced, removed or moved, or with damaged bytes."""
    if chance.random() < 0.3:
        return mutated(content, chance, len(content))
    document = json.loads(content)
    for _ in range(chance.choice([1, 1, 2, 3])):
        places: list[tuple[object, object]] = []

        def walk(node: object, places: list[tuple[object, object]] = places) -> None:
            items = (
                node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
            )
            for name, value in items:
                places.append((node, name))
                walk(value)

        walk(document)
        if not places:
            break
        parent, name = chance.choice(places)
        action = chance.random()
        if action < 0.2:
            del parent[name]
        elif action < 0.4:
            other, key = chance.choice(places)
            parent[name] = copy.deepcopy(other[key])
        else:
            # A copy, for it may be changed in turn.
            parent[name] = copy.deepcopy(chance.choice(VALUES))
    return json.dumps(document).encode()


def outcome(path: Path, expected: bytes, fill: bool) -> str:
    """Return what came of opening and reading the volume."""
    try:
        with open_lazy(path, fill_missing=fill) as volume:
            sizes = [slice(0, size if volume.nbytes < SMALL else 8) for size in volume.shape]
            data = volume[tuple(sizes)]
    except InputError as error:
        message = str(error)
        if not message.isprintable() or len(message) > 1000 or ": " not in message:
            raise AssertionError(f"bad message: {message!r}") from error
        return "refused"
    if data.shape != tuple(min(part.stop, size) for part, size in zip(sizes, volume.shape, strict=True)):
        raise AssertionError(f"shape {data.shape} of a volume {volume.shape}")
    if not data.dtype.isnative or not data.flags.c_contiguous:
        raise AssertionError(f"array of {data.dtype!r}, {data.flags}")
    return "same" if data.tobytes() == expected else "other"


def main(path: Path, file: Path, header: int, seed: int, count: int, folder: Path) -> None:
    """Damage `file` of the volume at `path` again and again."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    content, found = file.read_bytes(), {"refused": 0, "same": 0, "other": 0}
    with open_lazy(path) as volume:
        expected = volume[:, :, :].tobytes()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)  # noqa: S311
        damaged = mutated_json(content, chance) if header == 0 else mutated(content, chance, header)
        file.write_bytes(damaged)
        (folder / "last").write_bytes(damaged)
        signal.setitimer(signal.ITIMER_VIRTUAL, CASE_SECONDS)
        found[outcome(path, expected, number % 2 == 0)] += 1
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024
        if grown > 700:
            raise AssertionError(f"case {number} took {grown} MiB")
    sys.stdout.write(json.dumps(found | {"grown": grown}))


if __name__ == "__main__":
    faulthandler.enable()
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    np.seterr(all="ignore")
    main(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        int(sys.argv[3]),
        int(sys.argv[4]),
        int(sys.argv[5]),
        Path(sys.argv[6]),
    )
