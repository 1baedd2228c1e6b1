"""The documentation site: `sphinx-build -W --keep-going -n docs docs/_site`, without a connection."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # extensions/
sys.path.insert(0, str(Path(__file__).parent.parent))  # the packages as they are here

from minimodels import __version__

project = "minimodels"
author = "The minimodels developers"
copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "extensions.mathml",
    "extensions.models",
    "extensions.papers",
    "extensions.gallery",
]
exclude_patterns = ["_site", "extensions", "gallery/*.py", "static", "conftest.py", "test_*.py"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstrings say it
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = "minimodels"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
templates_path = []
pygments_style = "friendly"
pygments_dark_style = "native"
nitpicky = True
