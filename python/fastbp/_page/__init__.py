"""Pages that stand for themselves: one file of HTML with its style, its script and its pictures, and no network."""

import html
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from fastbp._page.charts import Series, chart

__all__ = ["Series", "chart", "data", "document", "escape", "frame", "table"]

# Nothing is fetched, whatever gets into the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def escape(text: Any) -> str:
    """Text as HTML shows it, in attributes too.

    >>> escape('<b class="x">')
    '&lt;b class=&quot;x&quot;&gt;'
    """
    return html.escape(str(text))


def data(name: str, value: Any) -> str:
    r"""A value for the script, as JSON that cannot end its element.

    >>> data("x", "</script>")
    '<script type="application/json" id="x">"\\u003c/script>"</script>'
    """
    text = json.dumps(value).replace("<", "\\u003c")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table of text; the first column names the rows."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = (
        f'<tr><th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def document(title: str, body: str) -> str:
    """A whole page; ``body`` is HTML."""
    style, script = (resources.files(__name__).joinpath(name).read_text("utf-8") for name in ("style.css", "script.js"))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
<script>
{script}</script>
</body>
</html>
"""


def frame(page: str, title: str) -> str:
    """A page within another, as in a notebook: neither touches the other's style."""
    return (
        f'<iframe title="{escape(title)}" sandbox="allow-scripts" srcdoc="{escape(page)}" '
        'style="width:100%;height:46rem;border:0"></iframe>'
    )
