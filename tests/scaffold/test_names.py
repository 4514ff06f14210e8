from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts import MethodSpec
from a2ibench.errors import InputError
from a2ibench.registry.validation import KINDS, check_spec
from a2ibench.scaffold import LONGEST, PluginNames, check_free, kinds

LEGAL = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True).filter(
    lambda name: len(name) <= LONGEST and not name.startswith("a2ibench-")
)


@given(LEGAL)
def test_a_legal_name_serves_everywhere(name: str) -> None:
    names = PluginNames("method", name)
    assert names.distribution == f"a2ibench-{name}"
    assert names.module.isidentifier()
    assert f"{names.stem}Method".isidentifier()
    assert names.stem.lower() == name.replace("-", "")
    check_spec("method", MethodSpec(name, f"{names.module}.method:{names.stem}Method", "a summary"))


@pytest.mark.parametrize(
    "name",
    [
        *("", "My-Method", "my_method", "my method", "my--method", "-method", "method-", "3d", "m.x"),
        *("../up", "a/b", "\u00e9", "a\n", "x" * (LONGEST + 1)),
    ],
)
def test_other_names_are_errors_that_say_what_to_give(name: str) -> None:
    with pytest.raises(InputError) as caught:
        PluginNames("method", name)
    assert repr(name) in str(caught.value)
    assert "lowercase letters" in str(caught.value)
    assert "my-method" in str(caught.value)


def test_the_prefix_is_not_to_be_given() -> None:
    with pytest.raises(InputError, match="leave out a2ibench-"):
        PluginNames("method", "a2ibench-lanczos")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("method", "cubic", "a package a2ibench_cubic is installed"),
        ("degradation", "pssr", "a package a2ibench_pssr is installed"),
        ("method", "a2i-3dem", "registers a method of this name"),
        ("metric", "psnr", "plugin metrics .* registers a metric of this name"),
        ("dataset", "phantom", "the catalogue lists such a dataset"),
    ],
)
def test_names_that_are_taken(kind: str, name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_free(PluginNames(kind, name))


def test_names_that_are_free() -> None:
    check_free(PluginNames("metric", "phantom"))
    check_free(PluginNames("method", "not-installed-anywhere"))


def test_a_name_that_another_plugin_took(install_plugin: Callable[..., object]) -> None:
    source = """
        from a2ibench import MethodSpec, hookimpl

        @hookimpl
        def a2ibench_register_methods(register):
            register(MethodSpec("theirs", "their_package:Theirs", "another's"))
        """
    install_plugin("their-package", source)
    with pytest.raises(InputError, match="their-package"):
        check_free(PluginNames("method", "theirs"))


def test_there_are_templates_for_every_kind() -> None:
    assert set(kinds()) == set(KINDS)
