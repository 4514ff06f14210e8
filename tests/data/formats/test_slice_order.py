"""The order of slices: by the values of numbers, and only of names that belong together."""

from __future__ import annotations

import pytest

from a2ibench.data.formats.slice_order import in_order
from a2ibench.errors import InputError

# Every name that a microscope or a script may give, in the order of the slices.
ORDERED = {
    "not padded": [f"s{i}.tif" for i in range(8, 12)],
    "padded": [f"cell_{i:04d}_raw.png" for i in range(95, 105)],
    "padded in part": ["s8.tif", "s09.tif", "s10.tif", "s011.tif"],
    "decimals": [f"z_{i / 4:g}um.tif" for i in range(9)],
    "decimals of one width": [f"z{i / 20:.2f}.tif" for i in range(30)],
    "negative": [f"depth{i}nm.tif" for i in range(-120, 130, 40)],
    "negative behind a dash": [f"depth-{i}.tif" for i in range(-3, 4)],
    "nothing but negative numbers": [f"{i}.tif" for i in range(-4, 3)],
    "negative decimals": [f"z={i / 2:g}.tif" for i in range(-7, 6)],
    "with a plus": [f"focus{i:+d}.tif" for i in range(-3, 4)],
    "a dash as separator": [f"sample-{i}.tif" for i in range(7, 13)],
    "a date before": [f"2023-01-05_{i}.tif" for i in range(8, 12)],
    "counted behind a dot": [f"scan1.{i}.tif" for i in range(7, 13)],
    "a version before": [f"v1.2.3_{i}.tif" for i in range(8, 12)],
    "dots around": [f"em.{i}.aligned.tif" for i in range(8, 12)],
    "from and to": [f"part{i}-{i + 99}.tif" for i in range(0, 400, 100)],
    "blocks that count on": [f"block{i // 4}_{i}.tif" for i in range(8, 14)],
    "a random number behind": [f"s{i}_{n}.tif" for i, n in enumerate([731, 22, 904, 518, 3])],
    "a height that falls": [f"s{i}_z{-5 * i}.tif" for i in range(7)],
    "the time besides": [f"s{i}_{n}.tif" for i, n in enumerate([101500, 101612, 101733, 101809])],
    "dates": [f"2023-01-05_{time}.tif" for time in ("10-59-50", "11-01-02", "11-01-09", "12-03-02")],
    "capitals": ["Slice1.TIF", "slice2.tif", "SLICE3.Tiff"],
    "one": ["overview.tif"],
}


@pytest.mark.parametrize("names", ORDERED.values(), ids=ORDERED)
def test_slices_come_by_the_values_of_their_numbers(names, caplog):
    shuffled = [*names[1::2], *names[::2]]
    assert in_order(shuffled, "folder") == names
    assert not caplog.records


REFUSED = {
    "a projection": (
        [*(f"c{i:03d}.tif" for i in range(5)), "AVG_c.tif"],
        "2 kinds of names: 5 like c*.tif, AVG_c.tif; give a folder of one kind, or a pattern, 'folder/c*",
    ),
    "a thumbnail with a number": (
        [*(f"c{i}.tif" for i in range(5)), "thumb1.tif"],
        "5 like c*.tif, thumb1.tif",
    ),
    "detectors by letters": (
        [f"r{i:02d}-{name}.tif" for i in range(4) for name in ("InLens", "BSD")],
        "4 like r*-BSD.tif, 4 like r*-InLens.tif; give a folder of one kind, or a pattern, 'folder/r*-BSD",
    ),
    "detectors by number": (
        [f"r{i:02d}_ch{channel}.tif" for i in range(4) for channel in (0, 1)],
        "4 like r*_ch0.tif, 4 like r*_ch1.tif; give",
    ),
    "a detector's slice is missing": (
        [f"r{i:02d}_ch{channel}.tif" for i in range(4) for channel in (0, 1)][:-1],
        "4 like r*_ch0.tif, 3 like r*_ch1.tif; give",
    ),
    "channels before": ([f"C{c}-z{i}.tif" for c in (1, 2) for i in range(4)], "4 like C1-z*.tif, 4 like C2"),
    "detectors that take turns": (
        [f"im{i:03d}_det{i % 2}.tif" for i in range(8)],
        "4 like im*_det0.tif, 4 like im*_det1.tif",
    ),
    "two counts": (
        [f"{n}_s{i}.tif" for i, n in enumerate([731, 22, 904, 518, 3])],
        "two numbers in names such as 3_s4.tif and 22_s1.tif tell different orders; leave the number",
    ),
    "days that pass while hours count": (
        ["05_10-59-50.tif", "05_11-01-02.tif", "06_09-01-03.tif"],
        "tell different orders",
    ),
    "no numbers": (
        ["b.tif", "a.tif"],
        "names such as a.tif and b.tif tell no order; number the slices alike",
    ),
    "two of a number": (["s1.tif", "s01.tif", "s2.tif"], "s01.tif and s1.tif have the same number; keep one"),
    "two suffixes": (["s1.tif", "s1.tiff"], "no number tells s1.tif and s1.tiff apart"),
    "many kinds": (
        [f"{letter}{i}.tif" for letter in "abcdef" for i in (1, 2)],
        "6 kinds of names: 2 like a*.tif, 2 like b*.tif, 2 like c*.tif, 2 like d*.tif and 2 more; give",
    ),
}


@pytest.mark.parametrize(("names", "message"), REFUSED.values(), ids=REFUSED)
def test_names_that_do_not_belong_together_are_refused(names, message):
    with pytest.raises(InputError) as caught:
        in_order(names, "folder")
    assert str(caught.value).startswith("folder: ")
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


GAPS = {
    "one": ([f"s{i}.tif" for i in range(20) if i != 12], "no slice 12;"),
    "several": ([f"s{i:03d}.tif" for i in range(30) if i not in (3, 9, 10, 11)], "no slice 3, 9 to 11;"),
    "steps": ([f"z{i}nm.tif" for i in range(0, 500, 50) if i != 200], "no slice 200;"),
    "decimals": ([f"z{i / 20:g}.tif" for i in range(12) if i != 3], "no slice 0.15;"),
    "below zero": ([f"z{i}.tif" for i in range(-9, 9) if i not in (-4, -3)], "no slice -4 to -3;"),
    "many": (
        [f"s{i}.tif" for i in range(60) if i % 10 != 5],
        "no slice 5, 15, 25, 35 and 2 more gaps;",
    ),
}


@pytest.mark.parametrize(("names", "message"), GAPS.values(), ids=GAPS)
def test_gaps_are_told_in_one_line(names, message, caplog):
    assert len(in_order(names, "folder")) == len(names)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"folder: {message} the others are taken for a stack without a gap")
    assert record.levelname == "WARNING"


def test_uneven_numbers_have_no_gaps(caplog):
    names = [f"s{i}.tif" for i in (1, 5, 6, 14, 30, 33)]
    assert in_order(names, "folder") == names
    assert not caplog.records
