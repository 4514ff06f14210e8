"""Declared settings as data: the schema allows what the setting takes, and no more."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import Configurable, setting
from a2ibench.errors import InputError, PluginError
from a2ibench.registry import host
from a2ibench.registry.schema import constructor_of, declared_settings, json_schema, settings_of
from a2ibench.settings import Setting

PLUGIN = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("Declared", "Bare", "Keyed", "Empty", "Gone"):
        register(MethodSpec(name.lower(), f"shapes.methods:{name}", "a method for tests"))
"""
METHODS = """
from a2ibench import Configurable, setting

class Declared(Configurable):
    width: int = setting(8, "channels", unit="channels", low=1, high=64)

class Bare:
    pass

class Keyed:
    settings = {"width": 3}

    def __init__(self, width=3, *, mode="soft", needed, **others):
        pass

class Empty(Configurable):
    pass
"""


class Sample(Configurable):
    """One setting of each kind."""

    width: int = setting(8, "channels", unit="channels", low=1, high=64)
    rate: float = setting(0.5, "learning rate", low=0)
    shift: float = setting(0.0, "offset", high=2.5)
    free: float = setting(1.0, "any number")
    deep: bool = setting(True, "more layers")
    plane: str = setting("both", "planes", choices=("xz", "both"))
    text: str = setting("", "any text")


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
}


def allows(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a JSON Schema of one property allows a value, as the standard reads it."""
    return (
        TYPES[schema["type"]](value)
        and value in schema.get("enum", [value])
        and not (isinstance(value, int | float) and value < schema.get("minimum", -math.inf))
        and not (isinstance(value, int | float) and value > schema.get("maximum", math.inf))
    )


def test_a_schema_says_all_that_a_setting_declares() -> None:
    schema = json_schema(Sample.settings)
    assert json.loads(json.dumps(schema, allow_nan=False)) == schema
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    assert schema["properties"]["width"] == {
        "type": "integer", "default": 8, "description": "channels", "unit": "channels",
        "minimum": 1, "maximum": 64,
    }  # fmt: skip
    assert {name: described["type"] for name, described in schema["properties"].items()} == {
        "width": "integer", "rate": "number", "shift": "number", "free": "number", "deep": "boolean",
        "plane": "string", "text": "string",
    }  # fmt: skip
    assert schema["properties"]["plane"]["enum"] == ["xz", "both"]
    assert "maximum" not in schema["properties"]["rate"]
    assert "minimum" not in schema["properties"]["shift"]
    assert all(allows(described, described["default"]) for described in schema["properties"].values())


@given(
    name=st.sampled_from([*Sample.settings]),
    value=st.one_of(
        st.booleans(),
        st.integers(-100, 100),
        st.floats(-100, 100),
        st.sampled_from(["xz", "both", "xy", "", "much"]),
    ),
)
def test_what_a_schema_allows_is_taken_and_a_value_of_its_type_that_it_forbids_is_not(
    name: str, value: Any
) -> None:
    schema = json_schema(Sample.settings)["properties"][name]
    if allows(schema, value):
        assert getattr(Sample(**{name: value}), name) == value
    elif TYPES[schema["type"]](value):
        with pytest.raises(InputError):
            Sample(**{name: value})


def test_only_a_table_of_settings_is_a_declaration(install_plugin: Callable[..., object]) -> None:
    install_plugin("shapes", PLUGIN, files={"methods.py": METHODS})
    declared = settings_of("method", "declared")
    assert declared == {"width": Setting(8, "channels", "channels", 1, 64)}
    assert settings_of("method", "empty") == {}
    assert settings_of("method", "bare") is None
    assert settings_of("method", "keyed") is None
    assert constructor_of("method", "keyed") == "width=3, mode='soft', needed"
    assert constructor_of("method", "bare") == ""
    with pytest.raises(PluginError, match=r"shapes\.methods:Gone"):
        settings_of("method", "gone")


@pytest.mark.parametrize("kind", ["method", "degradation"])
def test_everything_that_ships_declares_settings_with_meanings(kind: str) -> None:
    for name in host().table(kind):
        declared = declared_settings(host().load(kind, name))
        assert declared, name
        assert all(len(one.meaning) >= 5 for one in declared.values()), name
