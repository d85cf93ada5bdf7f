"""The report as one HTML file that loads and runs nothing; every name from a file is escaped."""

# K codes

from html import escape

import numpy as np

from vqcore.diagnostics.evidence import UsageEvidence
from vqcore.diagnostics.finding import Finding
from vqcore.doctor.examination import Examination, Examined
from vqcore.doctor.following import Following
from vqcore.doctor.following_report import following_head, following_rows, following_words
from vqcore.doctor.report import TABLE_HEAD, amount, contents_of, headline, levels_table, summary_of
from vqcore.files.errors import shown

STYLE = """
:root { color-scheme: light dark; --line: #8885; --dim: #777 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem; overflow-wrap: anywhere }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { border-bottom: 1px solid var(--line); padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
td { overflow-wrap: anywhere }
section { border-left: 4px solid var(--line); padding-left: 1rem; margin: 1rem 0 }
section.severe { border-color: #D55E00 } section.warning { border-color: #E69F00 }
section.healthy { border-color: #009E73 }
small, .dim { color: var(--dim) }
svg { width: 100%; height: 6rem; fill: #D55E00 }
"""

BARS = 300
HEIGHT = 100


def html_report(examination: Examination, following: Following | None = None) -> str:
    """A complete document for a browser without a network; see `text_report` for `following`."""
    checkpoint = examination.checkpoint
    parts = [
        f"<h1>{escape(headline(examination))}</h1>",
        f'<p class="dim">{escape(shown(checkpoint.path))}: {escape(contents_of(checkpoint))}</p>',
        _table([TABLE_HEAD, *levels_table(examination.examined)]) if examination.examined else "",
        *([] if following is None else _following(following)),
        *map(_codebook, examination.examined),
        *(f"<p>{escape(shown(one.path))}: {escape(one.about)}</p>" for one in checkpoint.implicit),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>VQ Scope: {escape(shown(checkpoint.path.name))}</title><style>{STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _following(following: Following) -> list[str]:
    return [
        "<h2>Through training</h2>",
        f'<p class="dim">{escape(following_words(following))}</p>',
        _table([following_head(following), *following_rows(following)]),
        *(
            f'<p class="dim">Skipped: {escape(shown(one.path))}: {escape(one.reason)}</p>'
            for one in following.skipped
        ),
    ]


def _table(rows: list[tuple[str, ...]]) -> str:
    head, *body = rows
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in body)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _codebook(one: Examined) -> str:
    usage = summary_of(one.evidence.usage)
    parts = [f"<h2>{escape(one.codebook.label)}</h2>"]
    if usage is not None and one.evidence.usage is not None:
        parts.append(_bars(one.evidence.usage))
        parts.append(
            f"<p>Used {usage.used:,} of {usage.num_codes:,} codes, perplexity {usage.perplexity:.1f}; "
            f"{amount(usage.num_vectors, usage.num_codes)}. <small>Used: {escape(usage.window)}. Above: how often "
            "each code is used, most used first.</small></p>"
        )
    parts += [f'<p class="dim">{escape(sentence)}</p>' for sentence in one.read]
    return "\n".join([*parts, *map(_finding, one.findings)])


def _bars(usage: UsageEvidence) -> str:
    """Usage, most used first, as one shape; with many codes each column is the mean of several."""
    ordered = np.sort(np.asarray(usage.counts, dtype=np.float64))[::-1]
    columns = [float(part.mean()) for part in np.array_split(ordered, min(BARS, len(ordered)))]
    tops = [HEIGHT * (1 - value / max(columns)) for value in columns]
    path = "".join(f"H{at}V{top:.1f}H{at + 1}" for at, top in enumerate(tops))
    shape = f"M0 {HEIGHT}{path}V{HEIGHT}Z"
    return f'<svg viewBox="0 0 {len(columns)} {HEIGHT}" preserveAspectRatio="none"><path d="{shape}"/></svg>'


def _finding(finding: Finding) -> str:
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{escape(one.text)}</td><td>{escape(one.limit)}</td></tr>"
        for one in finding.numbers
    )
    parts = [
        f'<section class="{finding.severity}"><p><b>{escape(finding.title)}</b> '
        f"<small>{finding.severity} · {finding.condition}</small></p><table>{rows}</table>"
    ]
    if finding.severity not in ("healthy", "note"):
        parts.append(f"<p>Likely cause: {escape(finding.cause)}</p><ul>")
        for remedy in finding.remedies:
            named = (
                ("vqcore", " ".join(remedy.ours)),
                ("VQTorch", remedy.vqtorch),
                ("vector-quantize-pytorch", remedy.vector_quantize_pytorch),
            )
            lines = "".join(f"<br><small>{name}: <code>{escape(line)}</code></small>" for name, line in named if line)
            parts.append(f"<li>{escape(remedy.what)}{lines}</li>")
        parts.append(f"</ul><p><small>After {escape(finding.source)}</small></p>")
    return "".join([*parts, "</section>"])
