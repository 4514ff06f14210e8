"""Tables for papers as LaTeX: they compile, fit, and take every name for text."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench.bench.run import read_run
from a2ibench.errors import InputError
from a2ibench.reporting.markup import latex_text
from a2ibench.reporting.paper.markup import WIDTHS, csv_table, latex_table, markdown_table
from a2ibench.reporting.paper.parts import BEST, SECOND, Column, Part, Parts, Score
from a2ibench.reporting.paper.widths import MM, SIZE, divided, heading_lines, points
from a2ibench.reporting.tables import write_tables

# Of two columns of 84 mm, 6 mm between them.
PREAMBLE = rf"""\documentclass[10pt,twocolumn]{{article}}
\usepackage[papersize={{210mm,297mm}},textwidth={WIDTHS["two"]}mm,textheight=245mm,columnsep=6mm]{{geometry}}
\usepackage{{booktabs}}
\begin{{document}}
"""
HOSTILE = r"""[x] \input{/etc/passwd} $x^2$ a_b & 50 % #1 {~} <b> ^^M "q" `|' -- * ≈ ± ↑ — é"""


@pytest.fixture
def compiled(tmp_path):
    """Return a function that compiles texts of LaTeX and returns the log."""
    finder = shutil.which("kpsewhich")
    found = (
        finder and not subprocess.run([finder, "booktabs.sty"], capture_output=True, check=False).returncode
    )
    if not found or shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex and booktabs, of the Debian package texlive-latex-recommended")

    def compile_all(*texts, name="paper"):
        body = "\n".join(texts)
        (tmp_path / f"{name}.tex").write_text(
            f"{PREAMBLE}{body}\nText.\n\\end{{document}}\n", encoding="utf-8"
        )
        command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", f"{name}.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
        log = (tmp_path / f"{name}.log").read_text(errors="replace")
        errors = [line for line in log.splitlines() if line.startswith("!")]
        assert (done.returncode, errors) == (0, []), log[-3000:]
        return log

    return compile_all


def parts_of(names, columns, *, mean="29.46", spread="0.08", kind="std", titles=("phantom",)):
    """Return a table of the same score in every place, marked in turn."""
    marks = [Score(mean, spread, BEST), Score(mean, spread, SECOND, tied=True), Score(mean, ""), Score()]
    rows = tuple(
        (name, tuple(marks[(place + row) % 4] for place in range(len(columns))))
        for row, name in enumerate(names)
    )
    return Parts(
        "dataset",
        tuple(Column(name, name) for name in columns),
        tuple(Part(title, title, rows) for title in titles),
        kind,
    )


NAMES = ("cubic", "srmd", "swinir", "care-isotropic (pretrained)")
SHAPES = {
    "one column": (parts_of(NAMES, ["PSNR (dB) ↑"]), "one"),
    "as many as fit": (parts_of(NAMES, ["PSNR (dB) ↑", "SSIM ↑"], titles=("a", "b", "mean rank")), "one"),
    "that go on": (parts_of(NAMES, [f"set-{number}-of-fifteen" for number in range(9)]), "one"),
    "wide": (parts_of(NAMES, [f"hemibrain-medulla-{number}nm" for number in range(7)]), "two"),
    "wide that go on": (parts_of(NAMES, ["epfl-ca1-15nm", "fib25-validation"] * 9), "two"),
    "intervals": (
        parts_of(NAMES[:3], ["PSNR (dB) ↑"] * 7, spread="[29.25, 29.67]", kind="interval"),
        "two",
    ),
    "without spreads": (parts_of(NAMES, ["PSNR (dB) ↑"] * 8, spread="", kind=""), "one"),
    "wide without spreads": (
        parts_of(NAMES, ["SSIM ↑", "a-long-name-of-a-set"] * 8, spread="", kind=""),
        "two",
    ),
    "small numbers": (parts_of(NAMES, ["LPIPS ↓"] * 6, mean="-0.00012", spread="0.00001"), "one"),
    "attacks": (
        parts_of([HOSTILE[:40], HOSTILE[40:], "[b]", "*c"], [HOSTILE[:30]], titles=(HOSTILE,)),
        "two",
    ),
}


def test_both_widths_compile_and_nothing_is_wider_than_its_place(compiled):
    tables = [
        latex_table(parts, f"{name}. {HOSTILE}", f"tab:{number}", width, [HOSTILE])
        for number, (name, (parts, width)) in enumerate(SHAPES.items())
    ]
    log = compiled(*tables)
    assert "Overfull" not in log, re.findall(r"Overfull.*", log)
    assert "Float too large" not in log
    assert "paper.pdf (" in log


def test_the_pages_of_these_tests_have_the_widths_that_tables_are_made_for(compiled):
    log = compiled(r"\typeout{columns \the\columnwidth, \the\textwidth.}")
    found = re.search(r"columns ([\d.]+)pt, ([\d.]+)pt", log).groups()
    assert [float(width) / MM for width in found] == pytest.approx([*WIDTHS.values()], abs=0.01)


def test_tables_of_a_run_compile(compiled, make_run, jobs, run):
    one = read_run(run)
    own = next(path for path in write_tables(one) if path.suffix == ".tex").read_text()
    tables = [
        one.table(columns=columns, width=width, spread=spread, label=f"tab:{columns}-{width}-{spread}").text()
        for columns in ("metrics", "datasets")
        for width in WIDTHS
        for spread in ("std", "interval", "none")
    ]
    assert "Overfull" not in compiled(*tables)
    # The run's own has all columns there are, and no width that it is made for.
    compiled(own, name="own")


def test_the_own_table_takes_names_that_begin_like_options(compiled, make_run):
    run = make_run(
        *(make_run.job(r"[5]%_^\d", name, scores={"psnr": 29.0}) for name in ("[x]", "*", r"a_b&\end{x}"))
    )
    tex = next(path for path in write_tables(read_run(run)) if path.suffix == ".tex").read_text()
    compiled(tex, name="own")


def test_widths_are_no_less_than_those_of_latex(compiled):
    texts = [
        "29.46 ± 0.08",
        "[29.25, 29.67]",
        "epfl-ca1-15nm",
        "care-isotropic (pretrained)",
        "≈ 0.8857",
        "WMWM",
    ]
    lines = [
        rf"\footnotesize\sbox0{{{style}{{{latex_text(text)}}}}}\typeout{{width \the\wd0}}"
        for text in texts
        for style in (r"\textrm", r"\textbf")
    ]
    found = [float(number) for number in re.findall(r"width ([\d.]+)pt", compiled(*lines, name="widths"))]
    expected = [points(text, bold=bold) for text in texts for bold in (False, True)]
    assert len(found) == len(expected)
    for real, told in zip(found, expected, strict=True):
        assert real <= told <= 1.25 * real + SIZE / 4


def test_columns_without_room_go_on_below_in_equal_numbers():
    assert divided([10, 10, 10], 30) == [[0, 1, 2]]
    assert divided([10, 10, 10, 10], 30) == [[0, 1], [2, 3]]
    assert divided([10] * 5, 30) == [[0, 1, 2], [3, 4]]
    # Those in one place are as wide as the widest of them.
    assert divided([10, 10, 10, 25], 30) == [[0], [1], [2], [3]]
    assert divided([40], 30) == [[0]]


def test_headings_are_broken_where_they_are_too_wide():
    assert heading_lines("fib25-validation", 0) == ["fib25-", "validation"]
    assert heading_lines("PSNR (dB) ↑", points("PSNR (dB)")) == ["PSNR (dB)", "↑"]
    assert heading_lines("phantom", 0) == ["phantom"]
    assert heading_lines("fib25-validation", 1000) == ["fib25-validation"]


def test_a_table_goes_on_below_with_headings_of_its_own():
    parts = parts_of(NAMES[:3], [f"PSNR {number}" for number in range(5)])
    text = latex_table(parts, "", "tab:x", "one")
    # With 84 mm there is room for three of them.
    assert text.count(r"\midrule[\heavyrulewidth]") == 1
    assert r"\begin{tabular}{@{}lr@{}lr@{}lr@{}l@{}}" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    for row in rows:
        spans = sum(int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", row))
        assert row.count("&") + spans == 6, row
    assert [line.split("&")[0].strip() for line in rows].count("method") == 2
    assert latex_table(parts, "", "tab:x", "two").startswith(
        "% needs \\usepackage{booktabs}\n\\begin{table*}"
    )


def test_what_is_wider_or_taller_than_a_page_is_told():
    names = ["n" * 60, "cubic"]
    with pytest.raises(InputError) as error:
        latex_table(parts_of(names, ["PSNR (dB) ↑"]), "", "tab:x", "one")
    assert re.fullmatch(
        r"width: the names of methods are \d+ mm wide, such as n{60}, and the column PSNR \(dB\) ↑ \d+ mm, "
        r"and a table has 84 mm; give width=two, or give spread=none, or leave names out with methods or "
        r"datasets",
        str(error.value),
    )
    with pytest.raises(
        InputError, match=r"the name x{100} alone is \d+ mm wide, and a table has 84 mm; give "
    ):
        latex_table(parts_of(["a"], ["b"], titles=["x" * 100]), "", "tab:x", "one")
    with pytest.raises(InputError) as error:
        latex_table(parts_of([f"n{number}" for number in range(80)], ["b"]), "", "tab:x", "two")
    assert re.fullmatch(
        r"metrics: the table is \d+ mm tall, and a page has 240 mm; show fewer metrics, datasets or methods",
        str(error.value),
    )


def test_marks_are_latex():
    text = latex_table(parts_of(NAMES, ["PSNR"], mean="-1.5"), "", "tab:x", "one")
    assert r"cubic & \textbf{$-$1.5} & \,$\pm$\,0.08 \\" in text
    assert r"srmd & $\approx$\,\underline{$-$1.5} & \,$\pm$\,0.08 \\" in text
    assert r"care-isotropic (pretrained) & \multicolumn{2}{c}{--} \\" in text
    assert r"swinir & $-$1.5 & \\" in text


ATTACKS = [HOSTILE[:30], HOSTILE[30:], "a\nb", "\x1b[31m", "[x]", "=1+1", "|"]
# Five, since what cannot be seen is written in ten letters, and a table is no wider than a page.
texts = st.text(st.characters(), max_size=5) | st.sampled_from(ATTACKS)
COMMANDS = {
    *("begin", "end", "centering", "caption", "label", "medskip", "footnotesize", "setlength", "tabcolsep"),
    *("toprule", "midrule", "bottomrule", "heavyrulewidth", "multicolumn", "textit", "textbf", "underline"),
    *("approx", "pm", "uparrow", "downarrow", "textbackslash", "textasciitilde", "textasciicircum"),
    *("textless", "textgreater", "usepackage"),
}


@settings(deadline=None, max_examples=60)
@given(texts, texts, texts)
def test_names_from_elsewhere_are_text_in_every_form(method, column, title):
    parts = parts_of([method, "cubic"], [column], titles=[title])
    text = latex_table(parts, title, "tab:x", "two", [method])
    assert {*re.findall(r"\\([A-Za-z]+)", text)} <= COMMANDS
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    lines = text.splitlines()
    assert all(line.isprintable() for line in lines)
    body = lines[lines.index(r"    \toprule") + 1 : lines.index(r"    \bottomrule")]
    for row in body:
        assert row.endswith(r"\\") or row == r"    \midrule"
        # What the row before it would take for its own.
        assert not row.lstrip().startswith(("[", "*"))
    for row in [row for row in markdown_table(parts, title).splitlines() if row.startswith("| ")]:
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert len(csv_table(parts).splitlines()) == 3
