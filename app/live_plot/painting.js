// Thousands of points and lines, painted on a canvas that lies where Plotly has its WebGL. Plotly draws a cloud by
// WebGL, which without a graphics card is computed and then read back while the page waits, or as one SVG shape a
// point, which is slower still. It keeps the axes, and of a cloud what hovering, clicking and selecting need.

const SHADES = 256;
const DASHES = { dash: [9, 9] }; // pixels
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
 * What Plotly gets for `traces`: of clouds that nobody can point at no more than how far they reach on their axes, of
 * the others the points without their looks. Each trace costs Plotly some 4 ms at every draw.
 */
function standIns(traces, canPoint) {
  const hasPoints = (trace) => canPoint && (trace.hoverinfo !== "skip" || trace.meta?.role);
  const isMere = (trace) => isCloud(trace) && !hasPoints(trace) && !trace.marker?.showscale;
  const rest = traces.filter((trace) => !isMere(trace)).map((trace) => (isCloud(trace) ? standIn(trace) : trace));
  const mere = Object.groupBy(traces.filter(isMere), ({ xaxis = "x", yaxis = "y" }) => xaxis + yaxis);
  return [...rest, ...Object.values(mere).map(frameAround)];
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

/** Two corners, so that Plotly's axes reach as far as these clouds do. */
function frameAround(clouds) {
  const [x, y] = ["x", "y"].map((name) => reachOf(clouds.map((cloud) => cloud[name])) ?? []);
  const { xaxis, yaxis } = clouds[0];
  return { type: "scatter", mode: "none", x, y, xaxis, yaxis, hoverinfo: "skip" };
}

/** What Plotly itself shows of clouds and their `layout`, as a text to compare: all but where the points are. */
function framing(clouds, layout) {
  const scales = clouds.map(({ marker }) => (marker?.showscale ? { ...marker, color: null, size: null } : null));
  return JSON.stringify([{ ...layout, selectionrevision: null }, scales]);
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
  }

  /** From now on, paint the clouds among `traces`. */
  take(traces) {
    this.clouds = traces.filter(isCloud);
  }

  /** Where the axes are now; Plotly has drawn them. */
  paint() {
    if (this.clouds.length && !this.canvas) this.begin();
    if (!this.canvas) return;
    const { brush } = this;
    const layout = this.plot._fullLayout;
    this.canvas.dataset.shows = this.clouds.map((cloud) => cloud.name ?? "").join(" ");
    this.fit(layout.width, layout.height);
    brush.clearRect(0, 0, layout.width, layout.height);
    for (const cloud of this.clouds) this.cloud(cloud, layout, false);
    for (const cloud of this.clouds) if (cloud.selectedpoints) this.cloud(cloud, layout, true); // above all others
  }

  cloud(cloud, layout, isChosen) {
    const { brush } = this;
    const across = layout[(cloud.xaxis ?? "x").replace("x", "xaxis")];
    const up = layout[(cloud.yaxis ?? "y").replace("y", "yaxis")];
    const x = placer(cloud.x, across.range, across._offset, across._length);
    const y = placer(cloud.y, [...up.range].reverse(), up._offset, up._length);
    brush.save();
    brush.beginPath();
    brush.rect(across._offset, up._offset, across._length, up._length);
    brush.clip();
    if (cloud.mode === "lines") this.line(cloud, x, y);
    else this.points(cloud, x, y, isChosen);
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

  line({ line }, x, y) {
    const { brush } = this;
    brush.globalAlpha = 1;
    brush.strokeStyle = line.color;
    brush.lineWidth = line.width;
    brush.lineJoin = "round";
    brush.setLineDash(DASHES[line.dash] ?? []);
    brush.beginPath();
    let goesOn = false;
    for (let row = 0; row < x.count; row += 1) {
      const [across, down] = [x(row), y(row)];
      const isGap = Number.isNaN(across + down);
      if (!isGap && goesOn) brush.lineTo(across, down);
      else if (!isGap) brush.moveTo(across, down);
      goesOn = !isGap;
    }
    brush.stroke();
    brush.setLineDash([]);
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

/** From a row to its place on screen along one linear axis that begins at `offset`. */
function placer(array, [first, last], offset, length) {
  const values = unpacked(array);
  const scale = length / (last - first);
  const place = (row) => (values[row] === null ? NaN : offset + (values[row] - first) * scale);
  place.count = values.length;
  return place;
}
