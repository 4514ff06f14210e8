"""A font without letters that holds the measures of mathematical typesetting.

Browsers take how far to raise an exponent or lower an index from the table ``MATH`` of the first font of a
formula. Where no mathematical font is installed, as on many Linux machines, there is no such table, and
indices stay on the line. The font made here is named after all others in site.css, so that it is used only
there. The letters then come from whatever font has them.
"""

from __future__ import annotations

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import newTable
from fontTools.ttLib.tables import otTables
from fontTools.ttLib.tables._g_l_y_f import Glyph
from sphinx.application import Sphinx

NAME = "A2IBench Math Measures"
FILE = "math-measures.ttf"
_EM = 1000
_PERCENT = {"ScriptPercentScaleDown": 70, "ScriptScriptPercentScaleDown": 50}
_HEIGHTS = {"DelimitedSubFormulaMinHeight": 1300, "DisplayOperatorMinHeight": 1300}
# Thousandths of the type size, after TeX's rules for its own Computer Modern fonts.
_MEASURES = {
    "MathLeading": 150,
    "AxisHeight": 250,
    "AccentBaseHeight": 450,
    "FlattenedAccentBaseHeight": 660,
    "SubscriptShiftDown": 200,
    "SubscriptTopMax": 345,
    "SubscriptBaselineDropMin": 100,
    "SuperscriptShiftUp": 390,
    "SuperscriptShiftUpCramped": 290,
    "SuperscriptBottomMin": 110,
    "SuperscriptBaselineDropMax": 300,
    "SubSuperscriptGapMin": 160,
    "SuperscriptBottomMaxWithSubscript": 345,
    "SpaceAfterScript": 50,
    "UpperLimitGapMin": 160,
    "UpperLimitBaselineRiseMin": 110,
    "LowerLimitGapMin": 160,
    "LowerLimitBaselineDropMin": 600,
    "StackTopShiftUp": 450,
    "StackTopDisplayStyleShiftUp": 680,
    "StackBottomShiftDown": 345,
    "StackBottomDisplayStyleShiftDown": 690,
    "StackGapMin": 120,
    "StackDisplayStyleGapMin": 280,
    "StretchStackTopShiftUp": 110,
    "StretchStackBottomShiftDown": 600,
    "StretchStackGapAboveMin": 160,
    "StretchStackGapBelowMin": 160,
    "FractionNumeratorShiftUp": 395,
    "FractionNumeratorDisplayStyleShiftUp": 680,
    "FractionDenominatorShiftDown": 345,
    "FractionDenominatorDisplayStyleShiftDown": 690,
    "FractionNumeratorGapMin": 40,
    "FractionNumDisplayStyleGapMin": 120,
    "FractionRuleThickness": 45,
    "FractionDenominatorGapMin": 40,
    "FractionDenomDisplayStyleGapMin": 120,
    "SkewedFractionHorizontalGap": 350,
    "SkewedFractionVerticalGap": 100,
    "OverbarVerticalGap": 120,
    "OverbarRuleThickness": 45,
    "OverbarExtraAscender": 40,
    "UnderbarVerticalGap": 120,
    "UnderbarRuleThickness": 45,
    "UnderbarExtraDescender": 40,
    "RadicalVerticalGap": 50,
    "RadicalDisplayStyleVerticalGap": 150,
    "RadicalRuleThickness": 45,
    "RadicalExtraAscender": 40,
    "RadicalKernBeforeDegree": 280,
    "RadicalKernAfterDegree": -550,
}


def write_font(path: Path) -> None:
    """Write the font: a space, and the measures."""
    builder = FontBuilder(_EM, isTTF=True)
    builder.setupGlyphOrder([".notdef", "space"])
    builder.setupCharacterMap({ord(" "): "space"})
    builder.setupGlyf({".notdef": Glyph(), "space": Glyph()})
    builder.setupHorizontalMetrics({".notdef": (250, 0), "space": (250, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": NAME, "styleName": "Regular"})
    builder.setupOS2(sxHeight=450, sTypoAscender=800, sTypoDescender=-200)
    builder.setupPost()
    builder.font["MATH"] = _math_table()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)


def _math_table() -> object:
    constants = otTables.MathConstants()
    for name, value in (_PERCENT | _HEIGHTS | {"RadicalDegreeBottomRaisePercent": 60}).items():
        setattr(constants, name, value)
    for name, value in _MEASURES.items():
        record = otTables.MathValueRecord()
        record.Value = value
        setattr(constants, name, record)
    table = newTable("MATH")
    table.table = otTables.MATH()
    table.table.Version = 0x00010000
    table.table.MathConstants = constants
    table.table.MathGlyphInfo = None
    table.table.MathVariants = None
    return table


def _write_for(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        write_font(Path(app.outdir, "_static", FILE))


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the font beside the other static files."""
    app.connect("build-finished", _write_for)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
