// A chart as a file, made in the browser of what is drawn: PNG, SVG with a shape for every point, CSV of the points.

const LETTERS = "http://www.w3.org/2000/svg";

/** The fewest digits that give the same 24-bit number again; others as they are. */
function digits(value, single) {
  if (!single || !Number.isFinite(value)) return String(value);
  for (let count = 1; count < 9; count += 1) {
    const short = Number(value.toPrecision(count));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}

/** A text that no spreadsheet takes for a formula: an apostrophe goes before what could begin one, as OWASP says. */
function harmless(text) {
  const isNumber = text.trim() !== "" && Number.isFinite(Number(text));
  return /^[=+\-@\t\r\n＝＋－＠]/.test(text) && !isNumber ? `'${text}` : text;
}

/** A cell of a CSV file; gaps are empty. Quoted too where some country's spreadsheets would begin another cell. */
function cell(value, single = false) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = typeof value === "number" ? digits(value, single) : harmless(String(value));
  return /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What an axis of `trace` is called: its title where all axes of that letter in the chart share one. */
function titleOf(letter, traces, layout) {
  const titles = new Set(traces.map((trace) => {
    const axis = layout[(trace[`${letter}axis`] ?? letter).replace(letter, `${letter}axis`)];
    return axis?.title?.text ?? "";
  }));
  const [title] = titles;
  const height = traces[0]?.orientation === "h" ? "x" : "y";
  return (titles.size === 1 && title) || (letter === height ? "value" : letter);
}

/** The columns of one trace by name, with a value for each row; `meta.columns` names what hovering tells, or null. */
function columnsOf(trace, names) {
  const z = trace.z && unpacked(trace.z);
  if (z) {
    const width = trace.z.shape ? Number(trace.z.shape.split(",")[1]) : z[0].length;
    const flat = trace.z.bdata ? z : z.flat();
    const [x, y] = [unpacked(trace.x), unpacked(trace.y)];
    const at = (values, index) => values[index] ?? index;
    return {
      [names.x]: Array.from(flat, (_, row) => at(x, row % width)),
      [names.y]: Array.from(flat, (_, row) => at(y, Math.floor(row / width))),
      z: flat,
    };
  }
  const columns = { [names.x]: unpacked(trace.x), [names.y]: unpacked(trace.y) };
  const told = { customdata: "id", text: "text", ...trace.meta?.columns };
  for (const key of ["customdata", "text"]) {
    const tells = told[key] && typeof trace[key] === "object" && trace[key] && !trace[key].shape;
    if (tells) columns[told[key]] = unpacked(trace[key]); // a true value replaces one clamped for its axis
  }
  return columns;
}

/** The traces that show data: those with a name, the others are decoration; all where none has one. */
function tracesOf(figure) {
  const drawn = figure.data.filter((trace) => (trace.x || trace.z) && !trace.meta?.decorates);
  const named = drawn.filter((trace) => trace.name);
  return named.length ? named : drawn;
}

/** One row for every point drawn, one column for everything told of one. */
function csvOf({ figure }) {
  const traces = tracesOf(figure);
  const names = { x: titleOf("x", traces, figure.layout), y: titleOf("y", traces, figure.layout) };
  const tables = traces.map((trace) => columnsOf(trace, names));
  const headings = [...new Set(tables.flatMap(Object.keys))];
  const rows = tables.flatMap((table, order) => {
    const columns = headings.map((heading) => table[heading] ?? []);
    const name = cell(traces[order].name ?? `trace ${order + 1}`);
    return Array.from(columns[headings.indexOf(names.x)], (_, row) =>
      [name, ...columns.map((column) => cell(column[row], column instanceof Float32Array))].join(","));
  });
  return [["trace", ...headings].map((heading) => cell(heading)).join(","), ...rows, ""].join("\r\n");
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function letters(text) {
  const svg = document.createElementNS(LETTERS, "svg");
  svg.setAttribute("viewBox", "0 0 28 14");
  svg.setAttribute("class", "icon vq-letters");
  const word = svg.appendChild(document.createElementNS(LETTERS, "text"));
  word.setAttribute("x", "14");
  word.setAttribute("y", "11");
  word.textContent = text;
  return svg;
}

/** The buttons that save `plot`, a `LivePlot`; made once, since new ones would make Plotly rebuild the chart. */
function fileButtons(plot) {
  const button = (format, click) => ({
    name: `save-${format}`,
    title: `Save as ${format.toUpperCase()}`,
    icon: () => letters(format.toUpperCase()),
    click,
  });
  const picture = (format) => {
    const { data, layout } = plot.dressed(plot.drawn.figure);
    const shapes = data.map((trace) => (isCloud(trace) ? { ...trace, type: "scatter" } : trace));
    plot.plotly.downloadImage({ data: shapes, layout }, {
      format,
      scale: format === "png" ? 2 : 1,
      width: plot.width,
      height: plot.data.height,
      filename: plot.drawn.fileName,
    });
  };
  return {
    png: button("png", () => picture("png")),
    svg: button("svg", () => picture("svg")),
    csv: button("csv", () => save(`${plot.drawn.fileName}.csv`, csvOf(plot.drawn))),
  };
}
