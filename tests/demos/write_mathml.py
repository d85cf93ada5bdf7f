"""Writes demos/mathml.json: `npm install --prefix DIR katex`, then `python tests/demos/write_mathml.py DIR`.

Only whoever changes a formula needs it. Page and handout then show what one renderer made of the same LaTeX.
"""

import json
import subprocess
import sys
from pathlib import Path

from demos import formulas
from demos.catalogue import HERE, lessons
from demos.lesson import Formula
from demos.mathml import FILE

SCRIPT = """
const { renderToString } = require(process.argv[1] + "/node_modules/katex");
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const options = { output: "mathml", displayMode: true, strict: "error" };
const doubled = { E: "𝔼", R: "ℝ" }; // which browsers no longer make of an attribute
const double = (_, letter) => `<mi mathvariant="normal">${doubled[letter]}</mi>`;
const bare = (html) => html
  .replace(/^<span class="katex">|<\\/span>$/g, "")
  .replace(/<mi mathvariant="double-struck">(.)<\\/mi>/g, double);
console.log(JSON.stringify(Object.fromEntries(asked.map((latex) => [latex, bare(renderToString(latex, options))]))));
"""


def every_formula() -> list[str]:
    """The LaTeX of all formulas, each once: those of demos/formulas.py, and those that lessons write themselves."""
    shared = [value for value in vars(formulas).values() if isinstance(value, Formula)]
    own = [step.formula for lesson in lessons()[0] for step in lesson.steps if step.formula is not None]
    return [*dict.fromkeys(formula.latex for formula in (*shared, *own))]


if __name__ == "__main__":
    command = ["node", "-e", SCRIPT, str(Path(sys.argv[1]).resolve())]
    made = subprocess.run(command, input=json.dumps(every_formula()), capture_output=True, text=True, check=True)
    text = json.dumps(json.loads(made.stdout), indent=1, ensure_ascii=False)
    (HERE / FILE).write_text(f"{text}\n", encoding="utf-8")
