"""Settings of the site for Sphinx; tools/site/build_site.py lays the pages beside it."""

project = "LLM & Transfer Learning in Python"
author = "the workshop's authors"
extensions = ["myst_nb"]
html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
}
language = "en"

nb_execution_mode = "off"  # the outputs are the saved ones
nb_ipywidgets_js = {}  # there are no widgets, and their scripts would come from elsewhere
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_merge_streams = True
myst_heading_anchors = 3
html_context = {"default_mode": "auto"}  # as the reader's system has it
templates_path = ["_templates"]
html_show_search_summary = False  # the search would fetch pages, which a browser refuses for pages opened from disk
suppress_warnings = ["myst.header"]  # terms of the glossary are third-level headings without a second level
