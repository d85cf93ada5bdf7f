// Small curves over the steps, one above the other on one axis: drawn once, then only the cursor moves.

const STRIP = { left: 46, right: 8, head: 15, foot: 6, axis: 16 };
const LETTER = 6; // pixels, about
const DECADES = 6; // below the largest value nothing is told apart

class Strips {
  constructor(parent, picture, seek) {
    Object.assign(this, { picture, seek });
    this.node = make(parent, "div", { class: "vq-traj-strips" });
    this.svg = make(this.node, "svg", { role: "img", "font-size": 11 });
    set(this.svg, { "aria-label": "Measures of every method over the steps" });
    this.cursor = make(this.node, "div", { class: "vq-traj-cursor" }); // no part of the SVG: moving it redraws nothing
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      this.scrub(event);
    });
    this.svg.addEventListener("pointermove", (event) => event.buttons === 1 && this.scrub(event));
  }

  scrub({ clientX }) {
    const left = this.svg.getBoundingClientRect().left + STRIP.left;
    const share = (clientX - left) / (this.width - STRIP.left - STRIP.right);
    this.seek(Math.round(Math.max(0, Math.min(1, share)) * this.picture.steps));
  }

  resize(width, height) {
    Object.assign(this, { width, height });
    set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    this.svg.replaceChildren();
    this.x = (step) => STRIP.left + (step / this.picture.steps) * (width - STRIP.left - STRIP.right);
    const shown = this.picture.measures.filter((measure) => measure.drawn);
    const each = (height - STRIP.axis) / shown.length;
    this.lines = new Map(this.picture.methods.map((path) => [path.name, []]));
    this.values = shown.map((measure, order) => this.strip(measure, order * each, each));
    this.drawSteps(height);
    Object.assign(this.cursor.style, { top: `${STRIP.head}px`, height: `${height - STRIP.head - STRIP.axis}px` });
  }

  strip(measure, top, each) {
    const { svg, picture } = this;
    const [low, high] = [top + STRIP.head, top + each - STRIP.foot];
    const axis = scaleOf(measure, picture.methods);
    const y = (value) => high - axis.share(value) * (high - low);
    const group = make(svg, "g", {});
    make(group, "title", {}, `${measure.name}: ${measure.formula}, mean over the points`);
    const head = make(group, "text", { x: STRIP.left, y: top + 10, fill: "var(--vq-text)", "font-weight": 600 }, measure.name);
    const formula = measure.formula.split(",")[0];
    if (STRIP.left + LETTER * (measure.name.length + formula.length + 12) < this.width) {
      make(head, "tspan", { dx: 8, "font-weight": 400, fill: "var(--vq-muted)" }, formula);
    }
    for (const [value, words] of axis.ticks) {
      make(group, "path", { d: `M${STRIP.left} ${round(y(value))}H${this.width - STRIP.right}`, stroke: "var(--vq-grid)" });
      make(group, "text", { x: STRIP.left - 5, y: y(value) + 3, "text-anchor": "end", "font-size": 10, fill: "var(--vq-muted)" }, words);
    }
    for (const path of picture.methods) this.lines.get(path.name).push(this.curve(group, path, measure, y));
    const value = { x: this.width - STRIP.right, y: top + 10, "text-anchor": "end", "font-weight": 600 };
    return { measure, text: make(group, "text", value) };
  }

  curve(parent, path, measure, y) {
    let [d, pen] = ["", "M"];
    path.measures[measure.key].forEach((value, step) => {
      if (Number.isNaN(value)) pen = "M";
      else {
        d += `${pen}${round(this.x(step))} ${round(y(value))}`;
        pen = "L";
      }
    });
    const look = path.bypass ? { "stroke-width": 4, "stroke-opacity": 0.3 } : { "stroke-width": 1.5, "stroke-dasharray": path.dash };
    return make(parent, "path", { d, fill: "none", stroke: path.colour, "stroke-linejoin": "round", ...look });
  }

  drawSteps(height) {
    const { steps } = this.picture;
    const words = { y: height - 3, "font-size": 10, fill: "var(--vq-muted)" };
    make(this.svg, "text", { x: STRIP.left, ...words }, "0");
    make(this.svg, "text", { x: this.x(steps / 2), "text-anchor": "middle", ...words }, "step");
    make(this.svg, "text", { x: this.x(steps), "text-anchor": "end", ...words }, String(steps));
  }

  draw({ moment, focus, hidden }) {
    const now = moment.phase === null || moment.phase === "task step" ? moment.step + moment.part : moment.step;
    this.cursor.style.transform = `translateX(${round(this.x(Math.min(now, this.picture.steps)))}px)`;
    for (const [name, lines] of this.lines) {
      for (const line of lines) set(line, { visibility: hidden.has(name) ? "hidden" : "visible" });
    }
    for (const { measure, text } of this.values) {
      write(text, worded(measure, focus.measure(measure.key, moment.step)));
      set(text, { fill: focus.colour });
    }
  }
}

/** From values to a share of a strip's height, with a few ticks. */
function scaleOf(measure, methods) {
  const values = methods.flatMap((path) => [...path.measures[measure.key]].filter(Number.isFinite));
  const most = values.reduce((so, value) => Math.max(so, value), 0) || 1;
  if (!measure.log) return { share: (value) => value / measure.most, ticks: measure.ticks.map((tick) => [tick, `${tick}°`]) };
  const least = values.reduce((so, value) => (value > 0 ? Math.min(so, value) : so), most);
  const top = Math.ceil(Math.log10(most) - 0.15);
  const bottom = Math.max(Math.floor(Math.log10(least)), top - DECADES);
  const span = Math.max(1, top - bottom);
  const share = (value) => Math.max(0, Math.min(1.06, (Math.log10(Math.max(value, 1e-300)) - bottom) / span));
  const every = Math.ceil(span / 2);
  const ticks = [];
  for (let decade = bottom; decade <= top; decade += every) {
    ticks.push([10 ** decade, `${decade === bottom && least < 10 ** bottom ? "≤" : ""}${powerOfTen(decade)}`]);
  }
  return { share, ticks };
}

function powerOfTen(decade) {
  if (decade >= -2 && decade <= 3) return String(Number((10 ** decade).toPrecision(1)));
  return `10${[...String(decade)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻").join("")}`;
}
