"""Settings: each value that passes has the right type and range, each other one is one clear line."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from a2ibench.errors import InputError, UnknownNameError
from a2ibench.settings import Configurable, Setting, setting

WHOLE = Setting(5, "a whole number")
REAL = Setting(0.5, "a number")
FLAG = Setting(True, "a flag")
TEXT = Setting("a", "a text")
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**320),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["nan", "inf", "-Infinity", "1e400", "0x10", "1_000", "", " 3 ", "²", "true"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
    st.binary(max_size=2),
)


class Base(Configurable):
    """Settings of each kind."""

    width: int = setting(48, "channels", low=1, high=512)
    rate: float = setting(1e-4, "learning rate", low=0, high=1)
    residual: bool = setting(True, "add the input back")
    plane: str = setting("both", "slices to work on", choices=("xz", "yz", "both"))
    free = 7


@given(st.integers())
def test_whole_numbers_pass_unchanged_and_as_text(value: int) -> None:
    assert WHOLE.parse("n", value) == value
    assert WHOLE.parse("n", str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_pass_unchanged_and_as_text(value: float) -> None:
    assert REAL.parse("n", value) == value
    assert REAL.parse("n", repr(value)) == value


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_does_for_a_number_and_the_other_way_round(value: int) -> None:
    assert REAL.parse("n", value) == value
    assert WHOLE.parse("n", float(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_is_no_whole_number(value: float) -> None:
    assume(not value.is_integer())
    with pytest.raises(InputError, match="give a whole number"):
        WHOLE.parse("n", value)


@pytest.mark.parametrize("value", [True, False])
def test_flags_are_no_numbers(value: bool) -> None:
    for number in (WHOLE, REAL):
        with pytest.raises(InputError, match=f"n: got {value}"):
            number.parse("n", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("true", True), ("YES", True), ("1", True), (1, True), ("False", False), ("no", False), (0, False)],
)
def test_flags_are_read_from_words(value: Any, expected: bool) -> None:
    assert FLAG.parse("f", value) is expected


@pytest.mark.parametrize("value", ["on", "", 2, 0.5])
def test_other_words_are_no_flags(value: Any) -> None:
    with pytest.raises(InputError, match="give true or false"):
        FLAG.parse("f", value)


@given(ANYTHING, st.sampled_from([WHOLE, REAL, FLAG, TEXT]))
def test_a_value_is_of_the_right_type_or_refused_in_one_line(value: Any, kind: Setting) -> None:
    try:
        parsed = kind.parse("name", value)
    except InputError as error:
        line = str(error)
        parsed = kind.default
    else:
        line = "name: got x; give y"
    assert type(parsed) is type(kind.default)
    assert line.startswith("name: got ")
    assert "; give " in line
    assert len(line.splitlines()) == 1


@given(ANYTHING)
def test_whatever_passes_can_be_written_to_a_record(value: Any) -> None:
    try:
        parsed = REAL.parse("name", value)
    except InputError:
        return
    json.dumps(parsed, allow_nan=False)


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}])
def test_only_plain_values_are_texts(value: Any) -> None:
    with pytest.raises(InputError, match="give a text"):
        TEXT.parse("name", value)


@given(st.integers(-100, 100), st.integers(-50, 50), st.integers(0, 50))
def test_bounds_are_inclusive(value: int, low: int, span: int) -> None:
    bounded = Setting(low, "bounded", low=low, high=low + span)
    if low <= value <= low + span:
        assert bounded.parse("n", value) == value
    else:
        with pytest.raises(InputError, match=f"n: got {value}; give a value from {low} to {low + span}$"):
            bounded.parse("n", value)


def test_a_bound_is_shown_exactly() -> None:
    with pytest.raises(InputError, match="12345678"):
        Setting(1, "steps", low=1, high=12345678).parse("steps", 10**9)


def test_a_setting_with_one_bound_does_not_speak_of_infinity() -> None:
    with pytest.raises(InputError) as caught:
        Setting(5, "width", low=1).parse("width", 0)
    assert "inf" not in str(caught.value)
    assert "1" in str(caught.value).partition(";")[2]


def test_choices_are_listed() -> None:
    with pytest.raises(InputError, match="plane: got 'xy'; choose one of xz, yz, both"):
        Base(plane="xy")


def test_defaults_and_given_values() -> None:
    assert Base().configuration() == {"width": 48, "rate": 1e-4, "residual": True, "plane": "both"}
    given_values = {"width": "96", "rate": 1, "residual": "no", "plane": "xz"}
    assert Base(**given_values).configuration() == {
        "width": 96,
        "rate": 1.0,
        "residual": False,
        "plane": "xz",
    }
    assert Base().width == 48


def test_an_unknown_setting_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown setting of Base 'widht'; did you mean 'width'"):
        Base(widht=3)
    with pytest.raises(UnknownNameError):
        Base(free=3)


def test_a_subclass_adds_settings_and_changes_defaults() -> None:
    class Wide(Base):
        """Wider."""

        width = 180
        depth: int = setting(6, "layers", low=1)

    assert Wide().configuration() == Base().configuration() | {"width": 180, "depth": 6}
    assert Wide.settings["width"] == Setting(180, "channels", low=1, high=512)
    assert "depth" not in Base.settings
    with pytest.raises(InputError, match="from 1 to 512"):
        Wide(width=0)


def test_a_whole_default_leaves_a_number_a_number() -> None:
    class Fast(Base):
        """Faster."""

        rate = 1

    assert Fast(rate=0.25).rate == 0.25
    assert type(Fast().rate) is float


@pytest.mark.parametrize("default", [0, 513, "wide", 1.5])
def test_a_default_that_is_not_allowed_is_refused_where_the_class_is_written(default: Any) -> None:
    with pytest.raises(InputError, match="width: got"):
        type("Wrong", (Base,), {"width": default, "__doc__": "Wrong."})


def test_a_default_out_of_its_own_range_is_refused() -> None:
    with pytest.raises(InputError, match="width: got 0"):
        type("Wrong", (Configurable,), {"width": setting(0, "channels", low=1), "__doc__": "Wrong."})


def test_schema_and_value_agree_where_bases_meet() -> None:
    class Narrow(Base):
        """Changes a default."""

        width = 24

    class Plain(Base):
        """Changes none."""

    class Both(Plain, Narrow):
        """Meets them again."""

    assert Both().width == Both.settings["width"].default == 24


def test_settings_of_classes_do_not_mix() -> None:
    class One(Configurable):
        """One."""

        a: int = setting(1, "a")

    class Two(Configurable):
        """Two."""

        b: int = setting(2, "b")

    assert set(One.settings) == {"a"}
    assert set(Two.settings) == {"b"}
    assert Configurable.settings == {}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "width": st.integers(1, 512),
            "rate": st.floats(0, 1),
            "residual": st.booleans(),
            "plane": st.sampled_from(["xz", "yz", "both"]),
        },
    )
)
def test_a_configuration_rebuilds_its_object(values: dict[str, Any]) -> None:
    first = Base(**values)
    again = Base(**json.loads(json.dumps(first.configuration())))
    assert again.configuration() == first.configuration() == Base().configuration() | values


def test_nan_is_never_in_range() -> None:
    for value in (math.nan, "nan"):
        with pytest.raises(InputError):
            REAL.parse("n", value)
