"""Settings of the documentation site: ``sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "a2ibench"
version = release = installed_version("a2ibench")
project_copyright = "the a2ibench developers, MIT licence"

extensions = [
    "docstrings",
    "fence_titles",
    "math_font",
    "mathml",
    "myst_parser",
    "published_results",
    "reference_commands",
    "reference_objects",
    "reference_settings",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "_ext", "figures"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Names in single backticks link where they can, and are code where they cannot.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    # Types of other libraries, and those that signatures give by the names of type-checking imports.
    ("py:class", r"(?!a2ibench\.).*"),
    ("py:class", r"a2ibench\.(bench|contracts|settings)\..*"),
]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
# Types in docstrings are prose, such as "ndarray, shape (z, y, x)"; signatures have the links.
napoleon_use_param = False
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 90

highlight_language = "none"
html_theme = "furo"
html_title = f"a2ibench {release}"
html_math_renderer = "mathml"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
