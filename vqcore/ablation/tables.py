"""The table of an ablation as Markdown, LaTeX and CSV."""

import csv
import io
import json
import math
from collections.abc import Callable

from vqcore.ablation.results import METRICS, ResultRow, Results, Summary
from vqcore.storage import harmless

NOT_THERE = "–"
P_LIMIT = 0.05


def headings(results: Results) -> list[str]:
    """Of the columns, the numbers' meaning with them."""
    parts = {"active_codes": _codes(results)}
    named = [f"{METRICS[name]}{parts.get(name, '')}" for name in results.metrics]
    return ["row", *named, f"Δ {METRICS[results.judged_by]}", "p"]


def cells(results: Results) -> list[list[str]]:
    """The table's texts, row by row."""
    beside = results.compared()
    lines = []
    for row in results.rows:
        found = beside.get(row.name)
        difference = NOT_THERE if found is None or math.isnan(found.difference) else f"{found.difference:+.3g}"
        chance = NOT_THERE if found is None or math.isnan(found.p) else _chance(found.p)
        numbers = [number(row.summary(name), _written(name)) for name in results.metrics]
        lines.append([_name(row), *numbers, difference, chance])
    return lines


def markdown(results: Results) -> str:
    """A table for a README, with what it says below it."""
    lines = [headings(results), ["---"] * len(headings(results)), *cells(results)]
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
    return "\n".join([*rows, "", note(results)]) + "\n"


def latex(results: Results) -> str:
    """A `tabular` for a paper; wants the package booktabs."""
    lines = [" & ".join(map(_escaped, line)) + r" \\" for line in cells(results)]
    head = " & ".join(map(_escaped, headings(results))) + r" \\"
    columns = "l" + "r" * (len(headings(results)) - 1)
    body = "\n".join([r"\toprule", head, r"\midrule", *lines, r"\bottomrule"])
    return f"% {note(results)}\n\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n"


def as_csv(results: Results) -> str:
    """One line for each training, all digits."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["row", "seed", *results.metrics])
    for row in results.rows:
        values = {name: row.values(name) for name in results.metrics}
        for seed in row.cells:
            writer.writerow([harmless(row.name), seed, *(values[name].get(seed, "") for name in results.metrics)])
    return file.getvalue()


def grid(results: Results) -> str:
    """The rows as `vqcore.ablation.grid.read_rows` takes them, a line each."""
    rows = (json.dumps({"name": row.name, "set": dict(row.changes)}, ensure_ascii=False) for row in results.rows)
    return "[" + ",\n ".join(rows) + "]\n"


def note(results: Results) -> str:
    """What the numbers are of."""
    seeds = sorted({seed for row in results.rows for seed in row.cells})
    first = results.rows[0].name if results.rows else ""
    return (
        f"{results.about.get('problem', '?')}, {results.about.get('steps', '?')} steps, mean ± standard deviation "
        f"over {len(seeds)} seed{'s' * (len(seeds) != 1)}, on the whole held-out set, N = {_vectors(results)} "
        f"vectors. Δ and p are against “{first}”: differences of the same seed, paired t-test, Holm's correction."
    )


def number(found: Summary | None, written: Callable[[float], str]) -> str:
    """Mean ± standard deviation of one cell."""
    if found is None:
        return NOT_THERE
    return written(found.mean) if math.isnan(found.std) else f"{written(found.mean)} ± {written(found.std)}"


def _written(metric: str) -> Callable[[float], str]:
    if metric == "accuracy":
        return "{:.1%}".format
    return "{:.0f}".format if metric in ("active_codes", "seconds") else "{:.3g}".format


def _chance(p: float) -> str:
    said = "< 0.001" if p < 0.001 else f"{p:.3f}"
    return f"{said} *" if p < P_LIMIT else said


def _name(row: ResultRow) -> str:
    broken = len(row.broken)
    return f"{row.name} ({broken} of {len(row.cells)} broke)" if broken else row.name


def _codes(results: Results) -> str:
    found = {int(value) for row in results.rows for value in row.values("num_codes").values()}
    return f" of {found.pop():,}" if len(found) == 1 else ""


def _vectors(results: Results) -> str:
    found = {int(value) for row in results.rows for value in row.values("num_vectors").values()}
    return f"{found.pop():,}" if len(found) == 1 else "?"


def _escaped(text: str) -> str:
    plain = {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "\\": r"\textbackslash{}",
    }
    maths = {
        "±": r"$\pm$",
        "β": r"$\beta$",
        "Δ": r"$\Delta$",
        "−": "$-$",
        "‖": r"$\|$",
        "²": r"$^2$",
        "–": "--",
        "<": "$<$",
    }
    return "".join((plain | maths).get(letter, letter) for letter in text)
