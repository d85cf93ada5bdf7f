// A chart that nobody points at is painted whole, and Plotly is told no more than its axes: it takes 20 to 80 ms for
// every update of a chart, however little has changed, and painting takes 1 or 2. As soon as a hand comes near it, or
// its reader has zoomed, Plotly draws it by itself.

const FILLS = [undefined, "none", "toself"];

/** Whether the painting shows `trace` as Plotly would. */
function isPaintable(trace) {
  if (isCloud(trace)) return true;
  if (trace.type === "heatmap") return trace.z?.dtype === "u1";
  if (trace.type === "image") return Boolean(trace.source);
  if (trace.type !== "scatter") return false;
  if (trace.mode === "lines") return !trace.line?.shape && FILLS.includes(trace.fill);
  return trace.mode === "markers" && (trace.marker.symbol ?? "circle") in SYMBOLS && !trace.marker.showscale;
}

/** A line from the lower to the upper edge. */
const isUpright = ({ type, yref, y0, y1 }) => type === "line" && yref === "paper" && y0 === 0 && y1 === 1;

/** Words without an arrow, a ground, or anything to tell on hovering. */
const isPlain = ({ text, showarrow, bgcolor, hovertext }) =>
  showarrow === false && !bgcolor && !hovertext && !/<(?!br>)/.test(text);

/** What is painted of a figure beside its traces, and the layout that is left for Plotly; null if that must draw it. */
function unseen(traces, layout) {
  const { shapes = [], annotations = [], ...rest } = layout;
  if (!traces.every(isPaintable) || !shapes.every(isUpright)) return null;
  const labels = annotations.filter(isPlain);
  return {
    lines: shapes,
    labels,
    layout: { ...rest, shapes: [], annotations: annotations.filter((label) => !isPlain(label)) },
  };
}

/**
 * What Plotly itself shows of an unseen chart, as a text to compare: all but what is painted. How far the traces reach is
 * part of it where Plotly is to find the range: else the axes would stand still while what is painted leaves them.
 */
function framing(traces, layout) {
  return JSON.stringify([{ ...layout, selectionrevision: null }, frames(traces, layout)]);
}

/** The colour scale that stands beside the axes of `trace`, without the values it is for. */
function scaleOf({ type, marker, zmin, zmax, colorscale, colorbar }) {
  if (type === "heatmap") return { cmin: zmin, cmax: zmax, colorscale, colorbar, showscale: true };
  return marker?.showscale ? { ...marker, color: null, size: null } : null;
}

/** What Plotly gets for the traces of an unseen chart: a corner or two for each pair of axes, and the colour scales. */
function frames(traces, layout) {
  const pairs = Object.groupBy(traces, ({ xaxis = "x", yaxis = "y" }) => `${xaxis} ${yaxis}`);
  const corners = Object.values(pairs).map((sharing) => {
    const { xaxis, yaxis } = sharing[0];
    const [x, y] = ["x", "y"].map((letter) => reachOn(letter, sharing, layout));
    return { type: "scatter", mode: "none", x, y, xaxis, yaxis, hoverinfo: "skip" };
  });
  const scaled = traces.filter(scaleOf).map((trace) => {
    const { xaxis, yaxis } = trace;
    const marker = { ...scaleOf(trace), color: [0], size: 1 };
    return { type: "scatter", mode: "markers", x: [null], y: [null], xaxis, yaxis, marker, hoverinfo: "skip" };
  });
  return [...corners, ...scaled];
}

/** How far `traces` reach where Plotly is to find the range, else a gap. */
function reachOn(letter, traces, layout) {
  const axis = layout[(traces[0][`${letter}axis`] ?? letter).replace(letter, `${letter}axis`)];
  if (axis?.range || axis?.type === "category") return [null, null];
  return reachOf(traces.map((trace) => trace[letter])) ?? [null, null];
}
