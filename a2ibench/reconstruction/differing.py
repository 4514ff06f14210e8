"""How an interrupted reconstruction differs from the one that is asked for, in words of its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from a2ibench.bench.options import options_of
from a2ibench.reconstruction.options import ReconstructOptions

_MOST = 4
_CODE = "a2ibench, the method's plugin or a library is another version"
_TEXTS: Mapping[str, str] = {
    "input": "the input has changed",
    "files": "a file that {settings} names has changed",
    "code": _CODE,
    "core": _CODE,
    "protocol": _CODE,
    "a2ibench": _CODE,
    "libraries": _CODE,
    "revision": _CODE,
    "block": _CODE,
}
_NAMES: Mapping[str, str] = {
    "size": "network size, which {profile} tells,",
    "ratio": "ratio",
    "shape": "shape of the output",
    "voxel_size": "voxel size of the output",
    "dtype": "dtype of the output",
}


def explained(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Return what differs, as the template of an `OptionError`: the method and options first, code last."""
    found = [_text(name, *pair) for name, pair in sorted(_without_consequences(differing))]
    return "; ".join(sorted(dict.fromkeys(found), key=_rank)[:_MOST])


def _rank(text: str) -> tuple[bool, bool, bool]:
    return text == _CODE, not text.startswith("{"), not text.startswith("{method}")


def _without_consequences(differing: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what differs; of another method, input, crop or ratio not what follows."""
    names = {name.removeprefix("identity.") for name in differing}
    for full, pair in differing.items():
        name = full.removeprefix("identity.")
        follows = (
            (name in ("code", "settings") and _other_method(differing))
            or (name in ("shape", "dtype", "block") and names & {"input", "crop", "ratio"})
            or (name == "input" and "crop" in names)
            or (name == "voxel_size" and "ratio" in names)
        )
        if not follows:
            yield name, pair


def _other_method(differing: Mapping[str, tuple[Any, Any]]) -> bool:
    was, now = differing.get("identity.method", (None, None))
    return isinstance(was, dict) and isinstance(now, dict) and was.get("name") != now.get("name")


def _text(name: str, was: Any, now: Any) -> str:
    if name == "method":
        was, now = (value.get("name") if isinstance(value, dict) else None for value in (was, now))
        if was == now:
            return _CODE
    if name in _TEXTS:
        return _TEXTS[name]
    if name == "checkpoint" and None not in (was, now):
        return "{checkpoint} has changed"
    if name == "checkpoint":
        was, now = (None if value is None else "given" for value in (was, now))
    known = _NAMES.get(name) or (f"{{{name}}}" if name in options_of(ReconstructOptions) else name)
    return f"{known} was {_shown(was)}, is {_shown(now)}"


def _shown(value: Any) -> str:
    if value is None or value == {}:
        text = "not given"
    elif isinstance(value, dict):
        text = ",".join(f"{name}={one}" for name, one in value.items())
    elif isinstance(value, list):
        pairs = all(isinstance(one, list) for one in value)
        text = ",".join(_bound(one) if pairs else _number(one) for one in value)
    else:
        text = _number(value)
    return text.replace("{", "{{").replace("}", "}}")


def _bound(pair: list[Any]) -> str:
    return ":".join("" if end is None else str(end) for end in pair)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
