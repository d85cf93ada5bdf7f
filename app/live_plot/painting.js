// Thousands of points and lines, painted on a canvas that lies where Plotly has its WebGL. Plotly draws a cloud by
// WebGL, which without a graphics card is computed and then read back while the page waits, or as one SVG shape a
// point, which is slower still. It keeps the axes, and of a cloud what hovering, clicking and selecting need. All that
// a chart shows is painted here while it is unseen.

const SHADES = 256;
const DASHES = { dash: [9, 9], dot: [3, 3], longdash: [15, 15], dashdot: [9, 3, 3, 3] }; // pixels
const LABEL_PAD = 2; // pixels that Plotly leaves around the words of a label
const LABEL_LINE = 1.3; // height of a line of words, in sizes of its letters
const BASELINE = 1; // pixels by which Plotly puts words lower than a canvas does
const BUBBLES = 0.7; // the opacity that Plotly gives to markers of unlike sizes

const circle = (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI);

/** How a symbol of radius `r` about (x, y) is outlined, by Plotly's name for it. */
const SYMBOLS = {
  circle,
  "circle-open": circle,
  diamond: (path, x, y, r) => {
    const reach = 1.3 * r;
    path.moveTo(x + reach, y);
    path.lineTo(x, y + reach);
    path.lineTo(x - reach, y);
    path.lineTo(x, y - reach);
    path.closePath();
  },
  cross: (path, x, y, r) => {
    const [reach, half] = [1.2 * r, 0.4 * r];
    const turns = [[half, half], [half, reach], [-half, reach], [-half, half], [-reach, half], [-reach, -half],
      [-half, -half], [-half, -reach], [half, -reach], [half, -half], [reach, -half], [reach, half]];
    for (const [across, down] of turns) path.lineTo(x + across, y + down);
    path.closePath();
  },
  "x-thin": (path, x, y, r) => {
    path.moveTo(x - r, y - r);
    path.lineTo(x + r, y + r);
    path.moveTo(x - r, y + r);
    path.lineTo(x + r, y - r);
  },
};

const isCloud = (trace) => trace.type === "scattergl";

/**
 * What Plotly gets for `traces` that a hand is near: of clouds the points without their looks, and no more than how far
 * they reach where nobody can point at them. Each trace costs Plotly some 4 ms at every draw.
 */
function standIns(traces, layout) {
  const isMere = (trace) => isCloud(trace) && trace.hoverinfo === "skip" && !trace.meta?.role && !scaleOf(trace);
  const rest = traces.filter((trace) => !isMere(trace)).map((trace) => (isCloud(trace) ? standIn(trace) : trace));
  return [...rest, ...frames(traces.filter(isMere), layout)];
}

/** Where each id lies, in words: row i is of input i // (rows · columns) of `grid`. */
function placesOf(ids, [rows, columns]) {
  return Array.from(ids, (id) => {
    const [given, place] = [Math.floor(id / (rows * columns)), id % (rows * columns)];
    return `input ${given}, row ${Math.floor(place / columns)}, column ${place % columns}`;
  });
}

/** Its points, of which Plotly makes a shape for one, unseen. */
function standIn(trace) {
  if (trace.mode === "lines") return { ...trace, type: "scatter", mode: "none" };
  const colour = colourReader(trace.marker);
  const hoverlabel = colour.varies && { bordercolor: Array.from(unpacked(trace.x), (_, row) => colour(row)) };
  const marker = { ...trace.marker, maxdisplayed: 1 };
  const hovertext = trace.meta?.grid && placesOf(unpacked(trace.customdata), trace.meta.grid);
  const told = { ...(hoverlabel && { hoverlabel }), ...(hovertext && { hovertext }) };
  return { ...trace, type: "scatter", opacity: 0, marker, ...told };
}

/** What tells the colour of a row: `color` is one for all, or one for each, named or by its place on the scale. */
function colourReader({ color, colorscale, cmin = 0, cmax = 1 }) {
  if (typeof color !== "object") return () => color;
  const colours = unpacked(color);
  const shades = colorscale && shadesOf(colorscale);
  const shadeAt = (value) => Math.round(((value - cmin) / (cmax - cmin)) * (SHADES - 1));
  const read = (row) => {
    const value = colours[row];
    return typeof value === "string" ? value : shades[Math.min(Math.max(shadeAt(value), 0), SHADES - 1)];
  };
  read.varies = true;
  return read;
}

const shadesBefore = new Map();

/** A colour scale cut into equal steps, as CSS colours. */
function shadesOf(scale) {
  const name = JSON.stringify(scale);
  if (!shadesBefore.has(name)) {
    const canvas = Object.assign(document.createElement("canvas"), { width: SHADES, height: 1 });
    const brush = canvas.getContext("2d", { willReadFrequently: true });
    const gradient = brush.createLinearGradient(0, 0, SHADES, 0);
    for (const [place, colour] of scale) gradient.addColorStop(place, colour);
    brush.fillStyle = gradient;
    brush.fillRect(0, 0, SHADES, 1);
    const { data } = brush.getImageData(0, 0, SHADES, 1);
    const shade = (_, index) => `rgb(${data.slice(4 * index, 4 * index + 3).join(", ")})`;
    shadesBefore.set(name, Array.from({ length: SHADES }, shade));
  }
  return shadesBefore.get(name);
}

class Painting {
  /** Over the axes of `plot`, a Plotly chart, and below what it shows on hovering. */
  constructor(plot) {
    this.plot = plot;
    this.pictures = new Map(); // by address
    this.take([]);
  }

  /** From now on, paint `traces`, with `lines` across the axes and `labels`; its pictures are loaded. */
  take(traces, { lines = [], labels = [] } = {}) {
    Object.assign(this, { traces, lines, labels });
  }

  /** What there is to wait for before `traces` can be painted; null: nothing. */
  loading(traces) {
    const sources = traces.filter(({ type }) => type === "image").map(({ source }) => source);
    this.pictures = new Map(sources.map((source) => [source, this.pictures.get(source) ?? pictureAt(source)]));
    const waiting = [...this.pictures.values()].filter((picture) => !picture.complete);
    return waiting.length ? Promise.all(waiting.map((picture) => picture.decode())) : null;
  }

  /** Where the axes are now; Plotly has drawn them. */
  paint() {
    if (this.traces.length && !this.canvas) this.begin();
    if (!this.canvas) return;
    const { brush, traces } = this;
    const layout = this.plot._fullLayout;
    this.canvas.dataset.shows = traces.filter(isCloud).map((cloud) => cloud.name ?? "").join(" ");
    this.fit(layout.width, layout.height);
    brush.clearRect(0, 0, layout.width, layout.height);
    for (const trace of traces) this.trace(trace, layout, false);
    for (const trace of traces) if (trace.selectedpoints && isCloud(trace)) this.trace(trace, layout, true); // on top
    for (const line of this.lines) this.upright(line, layout);
    for (const label of this.labels) this.label(label, layout);
  }

  trace(trace, layout, isChosen) {
    const { brush } = this;
    const [across, up] = [axisOf(layout, trace.xaxis ?? "x"), axisOf(layout, trace.yaxis ?? "y")];
    brush.save();
    brush.beginPath();
    brush.rect(across._offset, up._offset, across._length, up._length);
    brush.clip();
    if (trace.type === "heatmap") this.heat(trace, across, up);
    else if (trace.type === "image") this.picture(trace, across, up);
    else {
      const [x, y] = [placer(trace.x, across), placer(trace.y, up)];
      if (trace.mode === "lines") this.line(trace, x, y);
      else this.points(trace, x, y, isChosen);
    }
    brush.restore();
  }

  begin() {
    this.canvas = document.createElement("canvas");
    this.canvas.className = "vq-painting";
    this.brush = this.canvas.getContext("2d");
    this.plot.querySelector(".gl-container").append(this.canvas);
  }

  fit(width, height) {
    const ratio = window.devicePixelRatio;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width === across && this.canvas.height === down) return;
    Object.assign(this.canvas, { width: across, height: down });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
    this.brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  line({ line, opacity = 1, fill, fillcolor }, x, y) {
    const { brush } = this;
    const path = new Path2D();
    const isArea = fill === "toself";
    let goesOn = false;
    for (let row = 0; row < x.count; row += 1) {
      const [across, down] = [x(row), y(row)];
      const isGap = Number.isNaN(across + down);
      if (!isGap && goesOn) path.lineTo(across, down);
      else if (!isGap) path.moveTo(across, down);
      else if (isArea && goesOn) path.closePath();
      goesOn = !isGap;
    }
    brush.globalAlpha = opacity;
    if (isArea) {
      brush.fillStyle = fillcolor;
      brush.fill(path);
    }
    if (line.width === 0) return;
    brush.strokeStyle = line.color;
    brush.lineWidth = line.width;
    brush.lineJoin = "round";
    brush.setLineDash(DASHES[line.dash] ?? []);
    brush.stroke(path);
  }

  /** Cells of a byte each, the first row on top; `x` has the edges of the columns. */
  heat({ z, x, zmin, zmax, colorscale }, across, up) {
    const [rows, columns] = z.shape.split(",").map(Number);
    const cells = cellsOf(unpacked(z), columns, rows, coloursOf(colorscale, zmin, zmax));
    const edges = placer(x, across);
    this.brush.imageSmoothingEnabled = false;
    const last = columns - 1; // as wide as the others, or narrower
    for (const [from, to] of [[0, last], [last, columns]]) {
      if (from === to) continue;
      const [left, right] = [edges(from), edges(to)];
      this.brush.drawImage(cells, from, 0, to - from, rows, left, up._offset, right - left, up._length);
    }
  }

  /** Of which a pixel is as wide as one on the axes; the middle of the first is at `x0` and `y0`. */
  picture({ source, x0 = 0, y0 = 0 }, across, up) {
    const picture = this.pictures.get(source);
    const ends = (first, pixels) => [first - 0.5, first + pixels - 0.5];
    const x = placer(ends(x0, picture.naturalWidth), across);
    const y = placer(ends(y0, picture.naturalHeight), up);
    this.brush.imageSmoothingEnabled = false;
    this.brush.drawImage(picture, x(0), y(0), x(1) - x(0), y(1) - y(0));
  }

  upright({ x0, line }, layout) {
    const { brush } = this;
    const { l, t, h } = layout._size;
    const place = Math.round(placer([x0], layout.xaxis)(0));
    if (place < l || place > layout.width - layout._size.r) return;
    brush.globalAlpha = 1;
    brush.strokeStyle = line.color;
    brush.lineWidth = line.width;
    brush.setLineDash(DASHES[line.dash] ?? []);
    brush.beginPath();
    brush.moveTo(place, t);
    brush.lineTo(place, t + h);
    brush.stroke();
    brush.setLineDash([]);
  }

  /** Words where Plotly would put them. */
  label({ text, font, x, y, xref = "x", yref = "y", xshift = 0, yshift = 0, ...anchors }, layout) {
    const { brush } = this;
    const { l, t, w, h } = layout._size;
    const isOnPage = { x: xref === "paper", y: yref === "paper" };
    const across = (isOnPage.x ? l + x * w : unscaled(x, axisOf(layout, xref))) + xshift;
    const down = (isOnPage.y ? t + (1 - y) * h : unscaled(y, axisOf(layout, yref))) - yshift;
    const { size = layout.font.size, color = layout.font.color, family = layout.font.family } = font ?? {};
    const words = text.split("<br>");
    const height = size * (1.15 + LABEL_LINE * (words.length - 1));
    const xanchor = anchorOf(anchors.xanchor, isOnPage.x, x, ["left", "center", "right"]);
    const yanchor = anchorOf(anchors.yanchor, isOnPage.y, y, ["bottom", "middle", "top"]);
    const top = down + { top: LABEL_PAD, middle: -height / 2, bottom: -height - LABEL_PAD }[yanchor];
    Object.assign(brush, { globalAlpha: 1, font: `${size}px ${family}`, fillStyle: color });
    Object.assign(brush, { textAlign: xanchor, textBaseline: "middle" });
    words.forEach((line, order) => brush.fillText(
      line,
      across + { left: LABEL_PAD, center: 0, right: -LABEL_PAD }[xanchor],
      top + size * (1.15 / 2 + LABEL_LINE * order) + BASELINE,
    ));
  }

  /** Those that are not chosen, or else those that are. */
  points({ marker, selectedpoints, selected, unselected }, x, y, isChosen) {
    const all = [...Array(x.count).keys()];
    const opacity = marker.opacity ?? (typeof marker.size === "object" ? BUBBLES : 1);
    if (!selectedpoints) {
      this.symbols(marker, opacity, all, x, y);
      return;
    }
    if (isChosen) {
      const { opacity: bright = opacity, ...own } = selected?.marker ?? {};
      this.symbols({ ...marker, ...own }, bright, selectedpoints, x, y);
      return;
    }
    const chosen = new Set(selectedpoints);
    const { color, opacity: faint } = unselected.marker;
    const isAllEdge = /-(open|thin)$/.test(marker.symbol ?? "");
    const edge = isAllEdge ? color : marker.line?.color; // a filled symbol keeps its own
    const grey = { ...marker, color, line: { ...marker.line, color: edge } };
    this.symbols(grey, faint, all.filter((row) => !chosen.has(row)), x, y);
  }

  symbols({ symbol = "circle", size, line = {}, ...marker }, opacity, rows, x, y) {
    const { brush } = this;
    const outline = SYMBOLS[symbol];
    if (!outline) throw new Error(`A cloud names the symbol "${symbol}", which app/live_plot/painting.js lacks.`);
    const isOpen = symbol.endsWith("-open");
    const fill = isOpen || symbol.endsWith("-thin") ? null : colourReader(marker);
    const width = line.width ?? (isOpen ? 1 : 0);
    const stroke = width === 0 ? null : colourReader(isOpen ? marker : line);
    const sizes = typeof size === "object" ? unpacked(size) : null;
    brush.globalAlpha = opacity;
    brush.lineWidth = width;
    for (const row of rows) {
      brush.beginPath();
      outline(brush, x(row), y(row), (sizes ? sizes[row] : size) / 2);
      if (fill) {
        brush.fillStyle = fill(row);
        brush.fill();
      }
      if (stroke) {
        brush.strokeStyle = stroke(row);
        brush.stroke();
      }
    }
  }
}

const axisOf = (layout, name) => layout[`${name[0]}axis${name.slice(1)}`];

/** From a row to its place on screen along one linear or logarithmic axis; NaN where there is none. */
function placer(array, axis) {
  const values = unpacked(array);
  const isLog = axis.type === "log";
  const place = (row) => {
    const value = values[row];
    if (value === null || (isLog && value <= 0)) return NaN;
    return unscaled(isLog ? Math.log10(value) : value, axis);
  };
  place.count = values.length;
  return place;
}

/** Where on screen a number of an axis's range lies. */
function unscaled(value, { range: [first, last], _offset, _length, _id }) {
  const share = (value - first) / (last - first);
  return _offset + _length * (_id[0] === "x" ? share : 1 - share);
}

/** Which of the three ends of a label stands at its place, as Plotly chooses where none is named. */
function anchorOf(named, isOnPage, share, [low, middle, high]) {
  if (named && named !== "auto") return named;
  if (!isOnPage) return middle;
  return share < 1 / 3 ? low : share > 2 / 3 ? high : middle;
}

function pictureAt(source) {
  const picture = new Image();
  picture.src = source;
  return picture;
}

/** A picture of one pixel a cell. */
function cellsOf(values, width, height, colours) {
  const canvas = new OffscreenCanvas(width, height);
  const pixels = new Uint32Array(values.length);
  for (let cell = 0; cell < values.length; cell += 1) pixels[cell] = colours[values[cell]];
  const shown = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
  canvas.getContext("2d").putImageData(shown, 0, 0);
  return canvas;
}

const coloursBefore = new Map();

/** The pixel for every byte, of a scale whose ends stand for two numbers. */
function coloursOf(scale, low, high) {
  const name = JSON.stringify([scale, low, high]);
  if (!coloursBefore.has(name)) {
    const stops = scale.map(([place, colour]) => [place, opaqueness(colour)]);
    const colours = Uint32Array.from({ length: 256 }, (_, value) => pixelAt(stops, (value - low) / (high - low)));
    coloursBefore.set(name, colours);
  }
  return coloursBefore.get(name);
}

/** Red, green, blue and opacity of a CSS colour, each 0 to 255. */
function opaqueness(colour) {
  const [, opacity = 1] = /^rgba\(.*,\s*([\d.]+)\)$/.exec(colour) ?? [];
  return [...channels(colour.replace(/^rgba\((.*),[^,]*\)$/, "rgb($1)")), 255 * Number(opacity)];
}

/** Between its two neighbours on the scale, in the order of an ImageData's bytes. */
function pixelAt(stops, share) {
  const at = Math.max(1, stops.findIndex(([place], order) => order > 0 && place >= share));
  const [[from, before], [to, after]] = stops.slice(at - 1, at + 1);
  const way = to === from ? 1 : Math.min(Math.max((share - from) / (to - from), 0), 1);
  const bytes = before.map((value, order) => Math.round(value + way * (after[order] - value)));
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0];
}
