// What a cell of a heat map stands for, told on hovering: it comes as one byte, on a log scale that `meta` describes.

const toldTexts = new WeakMap();

/** The texts of all cells, row by row: one of a few hundred, so each is made once. */
function textsOf({ z, meta }) {
  if (!toldTexts.has(z)) {
    const { low, high, shades, zero, unit } = meta.logCells;
    const texts = Array.from({ length: shades + 1 }, (_, shade) => {
      const value = 10 ** (low + ((shade - 1) / (shades - 1)) * (high - low));
      return shade === 0 ? zero : `about ${Number(value.toPrecision(2))} ${unit}`;
    });
    const [rows, width] = z.shape.split(",").map(Number);
    const cells = unpacked(z);
    toldTexts.set(z, Array.from({ length: rows }, (_, row) =>
      Array.from(cells.subarray(row * width, (row + 1) * width), (shade) => texts[shade])));
  }
  return toldTexts.get(z);
}

/** Adds what the cells stand for to the hover text of a trace that says how to read them. */
function tellCells(trace) {
  if (!trace.meta?.logCells || !trace.z?.bdata) return;
  trace.text = textsOf(trace);
  trace.hovertemplate = trace.hovertemplate.replace("<extra>", "<br>%{text}<extra>");
}
