// The legend above a chart, broken into lines that the chart is wide enough for.

const LEGEND_LINE = 17; // px
const BETWEEN_ENTRIES = "   ";

let legendBrush = null;

/** `layout` with its legend in as many lines as it takes, and as much more room above. */
function withLegendLines(layout, width) {
  const legend = layout.annotations?.find(({ name }) => name === "legend");
  if (!legend) return layout;
  legendBrush ??= document.createElement("canvas").getContext("2d");
  legendBrush.font = `${legend.font.size}px ${layout.font?.family ?? "sans-serif"}`;
  const lines = legendLines(legend.text, width - layout.margin.l, (text) => legendBrush.measureText(text).width);
  if (lines.length === 1) return layout;
  const broken = { ...legend, text: lines.join("<br>"), align: "left" };
  const annotations = layout.annotations.map((one) => (one === legend ? broken : one));
  return { ...layout, annotations, margin: { ...layout.margin, t: layout.margin.t + LEGEND_LINE * (lines.length - 1) } };
}

/** The entries of `text` in lines that are at most `room` pixels wide, where no entry alone is wider. */
function legendLines(text, room, widthOf) {
  const lines = [];
  for (const entry of text.split(BETWEEN_ENTRIES)) {
    const longer = lines.length ? `${lines.at(-1)}${BETWEEN_ENTRIES}${entry}` : entry;
    if (lines.length && widthOf(longer.replaceAll(/<[^>]*>/g, "")) <= room) lines[lines.length - 1] = longer;
    else lines.push(entry);
  }
  return lines;
}
