"""Bundles of strangers: what is no bundle, what was edited, and what its digests do not tell."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from a2ibench.bench.bundle.checks import check_bundle, check_outputs
from a2ibench.bench.bundle.reading import opened, read_rows
from a2ibench.bench.bundle.writing import packed
from a2ibench.errors import InputError

JOB = "tiny--cubic--s0"
RECORD = f"jobs/{JOB}/record.json"
SCORES = f"jobs/{JOB}/scores.npz"

Forge = Callable[..., Path]


def check(path: Path) -> list[str]:
    with opened(path) as bundle:
        return check_bundle(bundle)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_an_honest_bundle_is_accepted(bundle: Path) -> None:
    assert check(bundle) == []


@pytest.mark.parametrize(
    "name",
    [
        "../record.json", "/etc/passwd", "jobs/../../record.json", "jobs/..--a--s0/record.json/x",
        "jobs/tiny--cubic--s0/../record.json", "jobs\\a--b--s0\\record.json", "jobs/Tiny--b--s0/record.json",
        "jobs/tiny--cubic--s0/volume.tif", "C:/record.json", "jobs/a--b--s0/record.json\x00.txt", "notes.txt",
    ],
)  # fmt: skip
def test_members_that_no_bundle_has_are_refused(bundle: Path, name: str, members_of) -> None:
    members = members_of(bundle)
    # zipfile itself would mend some of these names as it writes.
    stand_in = "x" * len(name)
    content = packed({**members, stand_in: b"{}"}).replace(stand_in.encode(), name.encode())
    bundle.write_bytes(content)
    assert refused(bundle).endswith("is none of a bundle")


def test_double_compressed_and_missing_members_are_refused(bundle: Path, members_of) -> None:
    members = members_of(bundle)
    with zipfile.ZipFile(bundle, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("run.json", b"{}")
    assert refused(bundle) == "member 'run.json' is there 2 times"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "is compressed or encrypted" in refused(bundle)
    bundle.write_bytes(packed({name: members[name] for name in members if name != "run.json"}))
    assert refused(bundle).startswith("has no run.json")
    bundle.write_bytes(packed({name: members[name] for name in members if name != RECORD}))
    assert refused(bundle).startswith("manifest.json lists other members than there are (jobs/tiny")


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_file_that_is_cut_off_is_refused(bundle: Path, keep: int) -> None:
    bundle.write_bytes(bundle.read_bytes()[:keep])
    assert "is damaged, or no zip file" in refused(bundle)


def test_members_that_claim_more_than_there_is_are_refused(bundle: Path) -> None:
    content = bytearray(bundle.read_bytes())
    place = content.rindex(b"PK\x01\x02")  # the last entry of the directory
    struct.pack_into("<II", content, place + 20, 1 << 26, 1 << 26)
    bundle.write_bytes(content)
    assert refused(bundle).endswith("is larger than 32 MiB")


def test_an_edited_score_is_refused(bundle: Path, tmp_path: Path, members_of, with_manifest) -> None:
    members = members_of(bundle)
    record = json.loads(members[RECORD])
    record["metrics"]["psnr"]["value"] += 1
    members[RECORD] = json.dumps(record).encode()
    bundle.write_bytes(packed(members))
    assert refused(bundle).startswith(f"{RECORD} was changed after it was written: its SHA-256 is")
    # With the manifest made anew, without the record, which is left out of it where it is damaged.
    bundle.write_bytes(packed(with_manifest(members, tmp_path / "forger")))
    assert refused(bundle) == f"{RECORD}: it was changed after it was written"


def test_a_manifest_that_says_something_else_is_refused(bundle: Path, forged: Forge, members_of) -> None:
    members = members_of(bundle)
    members["manifest.json"] = members["manifest.json"].replace(b'"a2ibench"', b'"somebody"')
    bundle.write_bytes(packed(members))
    assert refused(bundle).startswith("manifest.json was changed after it was written")
    other = json.loads(members_of(bundle)["manifest.json"]) | {"format_version": 2}
    bundle.write_bytes(packed(members | {"manifest.json": json.dumps(other).encode()}))
    assert refused(bundle) == "manifest.json: format_version is 2, and this a2ibench reads 1"


def test_other_versions_are_refused_with_both_values(forged: Forge) -> None:
    path = forged(lambda record: record["provenance"].update(protocol_version=1))
    assert f"{JOB}: protocol_version is 1, and this a2ibench has 2; verify it with" in refused(path)
    path = forged(lambda record: record["metrics"]["ssim_3d"].update(version=7))
    assert f"{JOB}: version of metric ssim_3d is 7, and this a2ibench has 1; " in refused(path)


@pytest.mark.parametrize("metric", ["psnr", "psnr_xz", "ssim", "ssim_xy", "haarpsi", "gmsd", "bias"])
def test_a_score_that_its_slices_do_not_come_to_is_refused(forged: Forge, metric: str, members_of) -> None:
    def edit(record):
        record["metrics"][metric]["value"] *= 1.01

    message = refused(forged(edit))
    assert message.startswith(f"{JOB}: {metric} is ")
    told = json.loads(members_of(forged(lambda record: None))[RECORD])["metrics"][metric]["value"]
    assert f"its slices come to {told:.6g};" in message


def test_scores_without_slices_are_refused(forged: Forge) -> None:
    def without(rows):
        for name in [name for name in rows if name.startswith("psnr.")]:
            del rows[name]

    assert "psnr has no scores of slices" in refused(forged(lambda record: None, without))


def test_scores_of_slices_that_are_none_are_refused() -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros((2, 2)))
    with pytest.raises(InputError, match="here: holds something else than scores of slices"):
        read_rows(stream.getvalue(), "here")
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros(9 << 20, np.float32))
    assert len(stream.getvalue()) < 1 << 20
    with pytest.raises(InputError, match="here: unpacks to more than 32 MiB"):
        read_rows(stream.getvalue(), "here")
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    with zipfile.ZipFile(stream, "w") as archive, archive.open("a.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match="here: holds something else"):
        read_rows(stream.getvalue(), "here")
    stream = io.BytesIO()
    np.savez(stream, a=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="here: holds something else"):
        read_rows(stream.getvalue(), "here")


def test_a_job_that_the_plan_does_not_have_is_refused(forged: Forge) -> None:
    path = forged(lambda record: None, plan=lambda plan: plan.update(jobs=[]))
    assert refused(path) == f"{JOB}: is no job of run.json"


@pytest.mark.parametrize(
    ("name", "value"), [("seeds", ["0"]), ("set", []), ("set", {"cubic": 1}), ("metrics", "psnr")]
)
def test_a_plan_of_another_form_is_refused(forged: Forge, name: str, value: object) -> None:
    path = forged(lambda record: None, plan=lambda plan: plan.update({name: value}))
    assert f"run.json: plan.{name} is not as a run has it" in refused(path)


def test_outputs_are_checked_by_their_checksums(bundle: Path, run: Path, tmp_path: Path) -> None:
    with opened(bundle) as found:
        assert check_outputs(found, run) >= 4
        assert check_outputs(found, run / "jobs") == check_outputs(found, run)
        with pytest.raises(InputError, match="holds no output of the bundle's jobs"):
            check_outputs(found, tmp_path)
        slices = run / "jobs" / JOB / "slices.npz"
        slices.write_bytes(slices.read_bytes() + b"\0")
        with pytest.raises(
            InputError, match=rf"{slices}: is not the output of {JOB}: its checksum is another"
        ):
            check_outputs(found, run)


def test_outputs_in_any_format_are_checked_by_their_voxels(bundle: Path, run: Path, tmp_path: Path) -> None:
    import tifffile

    from a2ibench.data.formats import open_lazy

    with open_lazy(run / "jobs" / JOB / "volume.ome.zarr") as volume:
        data = np.array(volume[:, :, :])
    folder = tmp_path / "outputs"
    folder.mkdir()
    tifffile.imwrite(folder / f"{JOB}.tif", data)
    with opened(bundle) as found:
        assert check_outputs(found, folder) == 1
        data[3, 4, 5] ^= 1
        tifffile.imwrite(folder / f"{JOB}.tif", data)
        with pytest.raises(
            InputError, match=rf"{JOB}.tif: is not the output of {JOB}: sha256 of its voxels is"
        ):
            check_outputs(found, folder)


def test_files_outside_of_the_folder_are_not_looked_at(forged: Forge, tmp_path: Path, members_of) -> None:
    path = forged(lambda record: record["files"].update({"../../secret": "0" * 64}))
    (tmp_path / "outputs" / "jobs").mkdir(parents=True)
    (tmp_path / "outputs" / "secret").write_text("mine")
    with opened(path) as found, pytest.raises(InputError, match="names a file outside of its folder"):
        check_outputs(found, tmp_path / "outputs")
    assert SCORES in members_of(path)
