"""What every figure shares: its colors and fonts, and how it is shown with alternative text."""

import io
import warnings

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.font_manager import fontManager
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

# Okabe and Ito (2008), "Color Universal Design": eight colors told apart with every kind of color vision.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")

# After matplotlib's own font, those of Linux, Windows and macOS that have other scripts, where they are installed.
FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil",
    "Noto Sans Thai", "Noto Emoji", "WenQuanYi Zen Hei", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI",
    "Leelawadee UI", "Segoe UI Emoji", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS",
)  # fmt: skip

plt.rcParams["font.family"] = ["DejaVu Sans", *(font for font in FONTS if font in fontManager.get_font_names())]
plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLORS)
# viridis has even steps in lightness: it can be read in gray, too.
plt.rcParams.update({"image.cmap": "viridis", "axes.spines.top": False, "axes.spines.right": False, "font.size": 10})


def show(figure: plt.Figure, alt: str) -> None:
    """Display a figure with its alternative text, and close it. Taught on Day 1, "The library and its words".

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to show, as a PNG picture.
    alt : str
        One or two sentences that say what there is to see. Screen readers read them, and they appear in place of the
        picture where none can be shown.

    Raises
    ------
    ValueError
        Where the alternative text is missing.

    Warns
    -----
    UserWarning
        Where no installed font has some of the characters.
    """
    if not alt.strip():
        raise ValueError('A figure needs its alternative text: show(figure, alt="what there is to see").')
    _read_no_formulas(figure)
    picture = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:  # matplotlib warns of every character, again and again
        warnings.simplefilter("always")
        figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    missing = [warning for warning in caught if "missing from font" in str(warning.message)]
    others = {str(warning.message): warning for warning in caught if warning not in missing}
    for warning in others.values():
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        advice = "They are drawn as boxes. Install a font of that script, such as Noto Sans, and restart the kernel."
        warnings.warn(f"No installed font has some characters of this figure. {advice}", stacklevel=2)
    content = {"image/png": picture.getvalue(), "text/plain": alt}
    display(content, raw=True, metadata={"image/png": {"alt": alt}})


def _read_no_formulas(figure: plt.Figure) -> None:
    """Draw dollar signs as they are: two of them in a text would begin and end a formula of matplotlib's.

    The numbers along a logarithmic axis are formulas indeed, and stay so.
    """
    numbers = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if isinstance(axis.get_major_formatter(), LogFormatter):
                numbers |= set(axis.get_ticklabels(which="both"))
    for text in figure.findobj(Text):
        text.set_parse_math(text in numbers)
