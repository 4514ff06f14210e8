"""Random JSON and TOML through the readers of every document: read or one clear line, never another error."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest

from a2ibench.bench.gate.baseline import read_outcome
from a2ibench.bench.gate.limits import Names, read_thresholds
from a2ibench.bench.record import read_record
from a2ibench.bench.run_file import read_run_file
from a2ibench.contracts import Volume
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.fetch.http import Part
from a2ibench.data.formats import open_lazy
from a2ibench.errors import A2IBenchError
from a2ibench.protocol.training import load_checkpoint
from a2ibench.reconstruction.checkpoints import trained_levels

LEVELS = Volume(np.zeros((2, 2, 2), np.uint8), (30.0, 10.0, 10.0), (0.0, 255.0))
WORDS = [
    "name", "dataset", "method", "seed", "status", "metrics", "psnr", "value", "version", "path", "url",
    "voxel_size", "simulate", "ratio", "crop", "jobs", "format", "zarr_format", "shape", "chunks", "dtype",
    "compressor", "filters", "fill_value", "order", "node_type", "codecs", "dimensions", "blockSize",
    "dataType", "compression", "type", "scales", "size", "key", "resolution", "encoding", "data_type",
    "chunk_sizes", "num_channels", "multiscales", "axes", "datasets", "attributes", "default", "settings",
    "kind", "condition", "etag", "total", "modified", "error", "provenance", "timings", "memory", "model",
]  # fmt: skip
SCALARS = [
    "null", "true", "0", "-1", "1", "2", "1.5", "1e999", "-1e999", "NaN", "Infinity", "9" * 5000, str(2**60),
    str(2**64), '""', '"a"', '"ok"', '"uint8"', '"<u2"', '"|O"', r'"\ud800"', r'"\u0000"', r'"\u001b[2J"',
    '"' + "x" * 5000 + '"', '"[bold]$\\\\frac{"', "[1, 1, 1]", "[1152921504606846976, 1, 1]", "[[0, 1]]",
]  # fmt: skip


def json_text(chance: random.Random, depth: int = 0) -> str:
    kind = chance.random()
    if depth == 0 and kind < 0.04:
        return chance.choice(["[", '{"a":', '[{"datasets":']) * 50_000
    if depth > 4 or (depth and kind < 0.5):
        return chance.choice(SCALARS)
    if depth and kind < 0.65:
        return f"[{', '.join(json_text(chance, depth + 1) for _ in range(chance.randrange(5)))}]"
    # Keys come twice now and then.
    pairs = (f'"{chance.choice(WORDS)}": {json_text(chance, depth + 1)}' for _ in range(chance.randrange(9)))
    return "{" + ", ".join(pairs) + "}"


def toml_text(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.randrange(1, 9)):
        word, value = chance.choice(WORDS), json_text(chance, chance.choice([1, 3, 5]))
        value = (
            value.replace(": ", " = ").replace("null", "{}").replace("NaN", "nan").replace("Infinity", "inf")
        )
        heading = f"[{word}]" if chance.random() < 0.5 else f"[[{word}.{chance.choice(WORDS)}]]"
        lines.append(
            chance.choice([heading, f"{word} = {value}", f"{word}.{chance.choice(WORDS)} = {value}"])
        )
    if chance.random() < 0.05:
        lines.append("a = " + chance.choice(["[", "{a = ", "[{a = "]) * 20_000)
    return "\n".join(lines)


def damaged(text: str, chance: random.Random) -> bytes:
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    if content and chance.random() < 0.2:
        at = chance.randrange(len(content))
        content[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    return bytes(content)


def readers(folder):
    """Return what reads each kind of document, and the file that it reads."""
    names = Names({"name"}, {"method"}, {"psnr"})
    stores = {
        name: folder / f"{name.strip('.')}_store" for name in (".zarray", "zarr.json", ".zattrs", ".zgroup")
    }
    stores |= {"attributes.json": folder / "a.n5", "info": folder / "precomputed"}
    documents = {
        "baseline": (folder / "baseline.json", read_outcome, folder / "baseline.json"),
        "record": (folder / "record.json", read_record, folder),
        "checkpoint": (folder / "method.json", lambda path: load_checkpoint(path, "kind"), folder),
        "intensity": (folder / "intensity.json", lambda path: trained_levels(path, LEVELS), folder),
        "part": (folder / "part.json", lambda path: Part(path).version("a"), folder / "part"),
        "catalogue": (folder / "d.toml", load_catalogue, folder / "d.toml"),
        "run file": (folder / "run.toml", read_run_file, folder / "run.toml"),
        "limits": (folder / "limits.toml", lambda path: read_thresholds(path, names), folder / "limits.toml"),
    }
    (folder / "part").write_bytes(b"begun")
    for name, store in stores.items():
        store.mkdir()
        documents[name] = (store / name, lambda path: open_lazy(path).close(), store)
    return documents


def search(folder, seed: int, count: int) -> int:
    """Return how many of so many documents were refused with one line."""
    documents, said = list(readers(folder).values()), []
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)  # noqa: S311
        file, read, given = documents[number % len(documents)]
        text = toml_text(chance) if file.suffix == ".toml" else json_text(chance)
        file.write_bytes(damaged(text, chance))
        start = time.monotonic()
        try:
            read(given)
        except A2IBenchError as error:
            said.append(str(error))
        except Exception as error:
            raise AssertionError(f"case {number}, {file.name}: {text[:500]!r}") from error
        assert time.monotonic() - start < 10
    assert [line for line in said if "\n" in line] == []
    return len(said)


def test_random_documents(tmp_path):
    assert search(tmp_path, 1, 300) > 100


@pytest.mark.slow
def test_many_random_documents(tmp_path):
    assert search(tmp_path, 2, 5000) > 1500


def test_the_search_makes_documents_that_are_well_formed_too():
    found = 0
    for number in range(200):
        try:
            json.loads(json_text(random.Random(number)))  # noqa: S311
            found += 1
        except (ValueError, RecursionError):
            continue
    assert 50 < found < 200
