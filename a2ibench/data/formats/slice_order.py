"""The order of slices by the numbers in their names, and which names do not belong among the others."""

from __future__ import annotations

import itertools
import logging
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from a2ibench.errors import InputError, printable

_log = logging.getLogger("a2ibench")

# Whether dots within are decimal points, and dashes before are signs, is seen from all names.
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_SIGNS = ("", "+", "-", "\u2212")
_MOST_TOLD = 4


class _Name(NamedTuple):
    """A file's name, the texts around its numbers in lower case, and the numbers."""

    file: str
    texts: tuple[str, ...]
    numbers: tuple[Decimal, ...]
    # Where each number is written in the name, sign included.
    spans: tuple[tuple[int, int], ...]


Groups = dict[Hashable, list[_Name]]


def in_order(files: Sequence[str], where: str) -> list[str]:
    """Return the names of slices from the first to the last, by the values of their numbers.

    A number may have decimals, and a sign where not all have one. Slices that are missing in a
    sequence of even steps are told in a warning.

    Parameters
    ----------
    files : sequence of str
        Names of files, with suffix.
    where : str
        The folder in messages.

    Raises
    ------
    InputError
        If the files are named in several ways, such as those of two detectors, or no number tells the order.
    """
    if len(files) < 2:
        return list(files)
    names = _signed(_parsed(files))
    _check_alike(_grouped(names, lambda name: name.texts), where)
    varying = [at for at in range(len(names[0].numbers)) if len({name.numbers[at] for name in names}) > 1]
    if not varying:
        first, second = sorted(files)[:2]
        raise InputError(f"{where}: no number tells {first} and {second} apart; number the slices")
    _check_told_apart(names, varying, where)
    names = sorted(names, key=lambda name: name.numbers)
    even = [at for at in varying if _step(sorted({name.numbers[at] for name in names})) is not None]
    counts = [at for at in even if len({name.numbers[at] for name in names}) == len(names)]
    for at in counts:
        _check_agrees(names, at, where)
    _check_turns(names, varying, where)
    lost = _missing(sorted(name.numbers[counts[0]] for name in names)) if counts else ""
    if lost:
        _log.warning(
            "%s: no slice %s; the others are taken for a stack without a gap", printable(where), lost
        )
    return [name.file for name in names]


def _parsed(files: Sequence[str]) -> list[_Name]:
    stems = [file.rpartition(".")[0] for file in files]
    found = [list(_NUMBER.finditer(stem)) for stem in stems]
    longest = max(len(matches) for matches in found)
    decimal = [
        _is_decimal([matches[at][0] for matches in found if at < len(matches)]) for at in range(longest)
    ]
    return [
        _parsed_name(file, stem, matches, decimal)
        for file, stem, matches in zip(files, stems, found, strict=True)
    ]


def _is_decimal(numbers: Sequence[str]) -> bool:
    """Return whether dots in numbers are decimal points, and not between two numbers."""
    dotted = [number for number in numbers if "." in number]
    fractions = [number.rpartition(".")[2] for number in dotted]
    # Counted behind a dot, a 10 follows the 9; decimals end in zeros in all names or in none.
    counted = len({len(fraction) for fraction in fractions}) > 1 and any(one[-1] == "0" for one in fractions)
    return not counted and all(number.count(".") == 1 for number in dotted)


def _parsed_name(file: str, stem: str, matches: Iterable[re.Match[str]], decimal: Sequence[bool]) -> _Name:
    texts, numbers, spans, end = [], [], [], 0
    for match, is_decimal in zip(matches, decimal, strict=False):
        parts = [match[0]] if is_decimal else match[0].split(".")
        start = match.start()
        for part in parts:
            texts.append(stem[end:start].lower())
            numbers.append(Decimal(part))
            spans.append((start, start + len(part)))
            end = start + len(part)
            start = end + 1
    return _Name(file, (*texts, stem[end:].lower()), tuple(numbers), tuple(spans))


def _signed(names: list[_Name]) -> list[_Name]:
    """Return the names with signs taken into the numbers, where a dash or plus is one and no separator."""
    for at in range(max(len(name.numbers) for name in names)):
        texts = {name.texts[at] for name in names if at < len(name.numbers)}
        names = [_with_sign(name, at) if _is_signed(name, at, texts) else name for name in names]
    return names


def _is_signed(name: _Name, at: int, texts: set[str]) -> bool:
    # It is a sign where other names have another one at that place, or none.
    text = name.texts[at] if at < len(name.numbers) else ""
    return text[-1:] in _SIGNS[1:] and any(
        text[:-1] + other in texts for other in _SIGNS if other != text[-1:]
    )


def _with_sign(name: _Name, at: int) -> _Name:
    texts, numbers, spans = list(name.texts), list(name.numbers), list(name.spans)
    numbers[at] = numbers[at] if texts[at][-1] == "+" else -numbers[at]
    texts[at] = texts[at][:-1]
    spans[at] = (spans[at][0] - 1, spans[at][1])
    return _Name(name.file, tuple(texts), tuple(numbers), tuple(spans))


def _grouped(names: Iterable[_Name], kind: Callable[[_Name], Hashable]) -> Groups:
    groups: Groups = {}
    for name in names:
        groups.setdefault(kind(name), []).append(name)
    return groups


def _check_alike(groups: Groups, where: str) -> None:
    """Accept names of one kind."""
    if len(groups) == 1:
        return
    kinds = sorted(groups.values(), key=lambda group: (-len(group), _pattern(group)))
    if len(kinds[0]) == 1:
        first, second = sorted(group[0].file for group in kinds)[:2]
        raise InputError(
            f"{where}: names such as {first} and {second} tell no order; number the slices alike"
        )
    told = [_pattern(group) if len(group) == 1 else f"{len(group)} like {_pattern(group)}" for group in kinds]
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    raise InputError(
        f"{where}: holds images of {len(kinds)} kinds of names: {', '.join(told[:_MOST_TOLD])}{more}; "
        f"give a folder of one kind, or a pattern, '{where.rstrip('/')}/{_pattern(kinds[0])}'"
    )


def _pattern(group: Sequence[_Name]) -> str:
    """Return what the names have in common, with * for the numbers that vary."""
    first, pattern, end = group[0], "", 0
    for at, (start, stop) in enumerate(first.spans):
        if len({name.numbers[at] for name in group}) > 1:
            pattern += f"{first.file[end:start]}*"
            end = stop
    return pattern + first.file[end:]


def _check_told_apart(names: Sequence[_Name], varying: Sequence[int], where: str) -> None:
    """Accept names of which one number, or those behind the first one, tell all slices apart."""
    if any(len({name.numbers[at] for name in names}) == len(names) for at in varying):
        return
    if len(varying) == 1:
        seen = Counter(name.numbers for name in names)
        first, second = sorted(name.file for name in names if name.numbers == seen.most_common(1)[0][0])[:2]
        raise InputError(f"{where}: {first} and {second} have the same number; keep one of them")
    # So do the minutes and seconds of times; not so the slices of two detectors.
    if len({tuple(name.numbers[at] for at in varying[1:]) for name in names}) < len(names):
        # The number that takes the fewest values tells detectors, channels or blocks, and not slices.
        few = min(varying, key=lambda at: len({name.numbers[at] for name in names}))
        _check_alike(_grouped(names, _number(few)), where)


def _check_agrees(names: Sequence[_Name], at: int, where: str) -> None:
    """Accept an order in which another number that counts the slices only grows, or only falls."""
    values = [name.numbers[at] for name in names]
    if values not in (sorted(values), sorted(values, reverse=True)):
        raise InputError(
            f"{where}: two numbers in names such as {names[0].file} and {names[1].file} tell different "
            "orders; leave the number of the slice alone"
        )


def _check_turns(names: Sequence[_Name], others: Iterable[int], where: str) -> None:
    """Accept slices in order unless another number goes round and round, as that of detectors does."""
    for at in others:
        values = [name.numbers[at] for name in names]
        count = len(set(values))
        turns = all(value == values[place % count] for place, value in enumerate(values))
        if turns and 1 < count <= len(values) // 2:
            _check_alike(_grouped(names, _number(at)), where)


def _number(at: int) -> Callable[[_Name], Hashable]:
    return lambda name: name.numbers[at]


def _step(values: Sequence[Decimal]) -> Decimal | None:
    """Return by how much most of three or more sorted values differ from the next, where most do alike."""
    if len(values) < 3:
        return None
    steps = Counter(after - before for before, after in itertools.pairwise(values))
    step, count = steps.most_common(1)[0]
    return step if 2 * count > steps.total() else None


def _missing(values: Sequence[Decimal]) -> str:
    """Return which values are missing among evenly spaced ones, as text."""
    step, told = _step(values), []
    for before, after in itertools.pairwise(values):
        if step is not None and after - before > step and (after - before) % step == 0:
            first, last = before + step, after - step
            told.append(f"{first:f}" if first == last else f"{first:f} to {last:f}")
    shown = ", ".join(told[:_MOST_TOLD])
    return shown if len(told) <= _MOST_TOLD else f"{shown} and {len(told) - _MOST_TOLD} more gaps"
