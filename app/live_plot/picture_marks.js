// Marks on the other charts what belongs to a place of the picture: its z_e on the map, its code on map and bars.

const MARK = "vq-mark";

/** Where `value` lies along a Plotly axis, in pixels from the chart's edge; NaN beside it. */
function alongAxis(axis, value) {
  const at = axis.type === "log" ? Math.log10(value) : Number(value);
  const [first, last] = axis.range;
  const share = (at - first) / (last - first);
  const place = axis._id.startsWith("y") ? 1 - share : share;
  return share < 0 || share > 1 ? NaN : axis._offset + place * axis._length;
}

/** The point that stands for an id in traces of one of these roles, as [trace, x, y]; null where none does. */
function pointOf(figure, roles, id) {
  for (const trace of figure.data) {
    if (!roles.includes(trace.meta?.role) || !trace.customdata) continue;
    const row = unpacked(trace.customdata).indexOf(id);
    if (row >= 0) return [trace, unpacked(trace.x)[row], unpacked(trace.y)[row]];
  }
  return null;
}

class Marks {
  /** Of `charts`, the keys of the map and of the bars. */
  constructor(charts) {
    this.charts = charts;
  }

  /** Marks a code of a variant, and its vector: row `vector` of the map's P, or else the point `at` of its plane. */
  show(code, vector, at, variant) {
    this.clear();
    const role = (name) => `${name}${variant}`;
    const codes = ["Q", "C", "dead"].map(role);
    this.onChart(this.charts.map, (figure, mark) => {
      const lying = pointOf(figure, codes, code);
      if (lying) mark("code", ...lying);
      const known = vector === null ? null : pointOf(figure, [role("P")], vector);
      if (known) mark("vector", ...known);
      else if (at && lying) mark("vector", lying[0], ...at);
    });
    this.onChart(this.charts.bars, (figure, mark, rowMark) => {
      const bar = pointOf(figure, codes, code);
      if (bar) mark("bar", ...bar);
      const rows = figure.data.find((trace) => trace.meta?.rowOf);
      const row = rows && unpacked(rows.meta.rowOf)[code];
      if (row !== undefined) rowMark(row, rows.y.length);
    });
  }

  onChart(key, draw) {
    const node = document.querySelector(`.st-key-${key} .vq-plot`);
    const [figure, layout] = [stage.parts.get(key)?.figure, node?._fullLayout];
    if (!figure || !layout) return;
    const add = (kind, x, y) => {
      if (Number.isNaN(x + y)) return;
      const mark = document.createElement("i");
      mark.className = `${MARK} vq-mark-${kind}`;
      Object.assign(mark.style, { left: `${x}px`, top: `${y}px` });
      mark.setAttribute("aria-hidden", "true");
      node.append(mark);
    };
    const axisOf = (trace, letter) => layout[(trace[`${letter}axis`] ?? letter).replace(letter, `${letter}axis`)];
    draw(figure, (kind, trace, x, y) => {
      const [across, up] = [axisOf(trace, "x"), axisOf(trace, "y")];
      add(kind, alongAxis(across, x), kind === "bar" ? up._offset + 4 : alongAxis(up, y));
    }, (row, of) => {
      const { _offset, _length } = layout.yaxis;
      // A heat map that nobody points at is painted over the whole axis, and Plotly knows no row of it.
      const isPlotlys = node._fullData.some(({ type }) => type === "heatmap");
      const y = isPlotlys ? alongAxis(layout.yaxis, row) : _offset + ((row + 0.5) / of) * _length;
      add("row", layout.xaxis._offset, y);
    });
  }

  clear() {
    for (const mark of document.querySelectorAll(`.${MARK}`)) mark.remove();
  }
}
