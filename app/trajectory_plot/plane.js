// The plane: contours, cells of the codes, the paths so far and three arrows at the present step.

const MARGIN = { left: 30, right: 6, top: 6, bottom: 20 };
const LEVELS = 13;
const ARROW = 96; // pixels of the longer of the two gradients: near a minimum, true lengths would vanish
const CROWDED = 30; // pixels within which two things cannot both be named
const SEEN = 3; // pixels that an arrow must be long to be one
const HANDLE = 11;
const DRAWN = 30; // windows from the middle beyond which a diverging path is cut

class Plane {
  constructor(parent, picture, report) {
    Object.assign(this, { picture, report });
    this.node = make(parent, "div", { class: "vq-traj-plane" });
    this.still = make(this.node, "svg", { role: "img" });
    this.moving = make(this.node, "svg", {});
  }

  /** The width at which it is so high. */
  widthOf(height) {
    const [left, right, bottom, top] = this.picture.landscape.window;
    const scale = (height - MARGIN.top - MARGIN.bottom) / (top - bottom);
    return MARGIN.left + MARGIN.right + scale * (right - left);
  }

  /** Lay everything out again for a width in pixels; the height keeps both axes to one scale. */
  resize(width) {
    const [left, right, bottom, top] = this.picture.landscape.window;
    this.width = width;
    this.scale = (width - MARGIN.left - MARGIN.right) / (right - left);
    this.height = Math.round(MARGIN.top + MARGIN.bottom + this.scale * (top - bottom));
    const [middle, centre] = [(left + right) / 2, (bottom + top) / 2];
    const limit = DRAWN * (right - left);
    const near = (value, from) => Math.max(from - limit, Math.min(from + limit, value));
    this.x = (value) => MARGIN.left + (near(value, middle) - left) * this.scale;
    this.y = (value) => MARGIN.top + (top - near(value, centre)) * this.scale;
    this.at = ([x, y]) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`;
    for (const svg of [this.still, this.moving]) {
      svg.replaceChildren();
      set(svg, { width, height: this.height, viewBox: `0 0 ${width} ${this.height}`, "font-size": 12 });
    }
    Object.assign(this.node.style, { width: `${width}px`, height: `${this.height}px` });
    this.drawLandscape();
    this.drawMoving();
  }

  // What stays.

  drawLandscape() {
    const { landscape } = this.picture;
    set(this.still, { "aria-label": `Contours of ${landscape.title} with the paths of z_e and codes` });
    this.clip(this.still, "vq-clip-still");
    const lines = make(this.still, "g", { fill: "none", "clip-path": "url(#vq-clip-still)" });
    const highest = landscape.grid.reduce((most, value) => Math.max(most, value), -Infinity) - landscape.lowest;
    const [left, right, bottom, top] = landscape.window;
    const x = (column) => left + (column * (right - left)) / (landscape.columns - 1);
    const y = (row) => bottom + (row * (top - bottom)) / (landscape.rows - 1);
    for (let index = 0; index < LEVELS; index++) {
      const level = landscape.lowest + highest * 10 ** (-3 * (1 - (index + 0.5) / LEVELS));
      const found = contours(landscape.grid, landscape.rows, landscape.columns, level);
      const d = found.map((line) => `M${line.map(([c, r]) => this.at([x(c), y(r)])).join("L")}`).join("");
      make(lines, "path", { d, stroke: "var(--vq-contour)", "stroke-width": 1 });
    }
    this.drawAxes(left, right, bottom, top);
    for (const [at, minimum] of landscape.minima.entries()) this.drawMinimum(minimum, at === 0);
  }

  clip(svg, id) {
    const path = make(make(make(svg, "defs"), "clipPath", { id }), "rect", {});
    const { left, right, top, bottom } = MARGIN;
    set(path, { x: left, y: top, width: this.width - left - right, height: this.height - top - bottom });
  }

  drawAxes(left, right, bottom, top) {
    const [x0, y0] = [MARGIN.left, this.height - MARGIN.bottom];
    const frame = { x: x0, y: MARGIN.top, width: this.width - x0 - MARGIN.right, height: y0 - MARGIN.top };
    make(this.still, "rect", { ...frame, fill: "none", stroke: "var(--vq-axis)" });
    const words = { "font-size": 10, fill: "var(--vq-muted)" };
    for (let value = Math.ceil(left + 0.1); value < right; value++) {
      make(this.still, "text", { x: this.x(value), y: y0 + 13, "text-anchor": "middle", ...words }, short0(value));
    }
    for (let value = Math.ceil(bottom + 0.1); value < top; value++) {
      make(this.still, "text", { x: x0 - 5, y: this.y(value) + 3, "text-anchor": "end", ...words }, short0(value));
    }
  }

  drawMinimum(minimum, lowest) {
    const [x, y] = [this.x(minimum[0]), this.y(minimum[1])];
    const arms = `M${x - 5} ${y}H${x + 5}M${x} ${y - 5}V${y + 5}`;
    make(this.still, "path", { d: arms, stroke: "var(--vq-text)", "stroke-width": lowest ? 2 : 1, fill: "none" });
    label(this.still, x + 7, y - 7, lowest ? "minimum" : "local", { fill: "var(--vq-muted)", "font-size": 11 });
  }

  // What moves: made once a layout, then only given other attributes.

  drawMoving() {
    const { picture, moving } = this;
    this.clip(moving, "vq-clip-moving");
    const inside = make(moving, "g", { "clip-path": "url(#vq-clip-moving)" });
    this.cells = make(inside, "path", { fill: "none", stroke: "var(--vq-muted)", "stroke-width": 0.8, "stroke-opacity": 0.5 });
    this.cell = make(inside, "path", { "fill-opacity": 0.09 });
    this.marks = picture.methods.map((path) => this.makeMarks(inside, path));
    const places = make(inside, "g", { fill: "none" });
    this.rings = picture.first_codes.map(() => make(places, "circle", { r: 5, "stroke-width": 1.4 }));
    this.pull = make(inside, "path", { fill: "none", "stroke-width": 1.2, "stroke-dasharray": "2 3" });
    this.arrows = {
      copied: new Arrow(inside, { "stroke-width": 1.5, "stroke-opacity": 0.55 }),
      handed: new Arrow(inside, { "stroke-width": 3 }),
      slope: new Arrow(inside, { "stroke-width": 3 }),
      gap: new Arrow(inside, { "stroke-width": 2, "stroke-dasharray": "5 3" }),
      delay: new Arrow(inside, { "stroke-width": 2.5 }),
    };
    this.words = Object.fromEntries(
      ["z_e", "z_q", "copied", "slope", "handed", "gap", "delay"].map((name) => [name, label(moving, 0, 0, "", {})])
    );
    this.drawHandles();
  }

  /** One method's paths, and where its points and their codes are. */
  makeMarks(parent, path) {
    const group = make(parent, "g", { fill: "none", stroke: path.colour, "stroke-linejoin": "round" });
    const broad = path.bypass ? { "stroke-width": 5, "stroke-opacity": 0.3 } : { "stroke-width": 2, "stroke-dasharray": path.dash };
    const marks = {
      group,
      codes: make(group, "path", { "stroke-width": 1, "stroke-dasharray": "1 2", "stroke-opacity": 0.9 }),
      points: make(group, "path", broad),
      codeTips: make(group, "path", { "stroke-width": 1, "stroke-opacity": 0.4 }), // what grows between two steps
      tips: make(group, "path", path.bypass ? broad : { "stroke-width": 2 }),
      heads: make(group, "path", { fill: path.colour, stroke: "var(--vq-background)", "stroke-width": 1.2 }),
      nearest: make(group, "path", { "stroke-width": 1.6, fill: "var(--vq-background)" }),
      trails: this.picture.starts.map((_, point) => this.trail(path.steps, (step) => path.point(step, point))),
    };
    const used = path.bypass ? [] : path.usedCodes;
    marks.codeTrails = used.map((code) => this.trail(path.steps, (step) => path.codeSeen(step, code)));
    marks.used = used;
    return marks;
  }

  /** A path as text, and how much of it each step has reached: a prefix is the path so far. */
  trail(steps, placeAt) {
    let [text, last] = ["", ""];
    const reached = [];
    for (let step = 0; step <= steps; step++) {
      const place = this.at(placeAt(step));
      if (place !== last) text += `${step ? "L" : "M"}${place}`;
      last = place;
      reached.push(text.length);
    }
    return { text, reached };
  }

  draw(view) {
    const { moment, focus, hidden, point } = view;
    const { picture } = this;
    picture.methods.forEach((path, index) => this.drawMethod(path, this.marks[index], moment, hidden.has(path.name)));
    this.marks.forEach(({ codes }, index) => set(codes, { "stroke-opacity": picture.methods[index] === focus ? 1 : 0.4 }));
    this.drawCodes(focus, moment);
    this.named = new Map();
    this.pointed = new Map();
    this.drawArrows(focus, moment, point);
    for (const [name, arrow] of Object.entries(this.arrows)) arrow.show(...(this.pointed.get(name) ?? []));
    for (const [name, word] of Object.entries(this.words)) {
      const { text, ...attributes } = this.named.get(name) ?? { text: "" };
      write(word, text);
      set(word, attributes);
    }
  }

  drawMethod(path, marks, moment, hidden) {
    set(marks.group, { visibility: hidden ? "hidden" : "visible" });
    if (hidden) return;
    const step = Math.min(moment.step, path.steps);
    const places = marks.trails.map((_, point) => this.at(path.pointAt(moment, point)));
    if (marks.step !== step) {
      const soFar = (trails) => ({ d: trails.map(({ text, reached }) => text.slice(0, reached[step])).join("") });
      set(marks.points, soFar(marks.trails));
      set(marks.codes, soFar(marks.codeTrails));
      marks.step = step;
    }
    const tip = (from, to) => (from === to ? "" : `M${from}L${to}`);
    set(marks.tips, { d: places.map((place, point) => tip(this.at(path.point(step, point)), place)).join("") });
    const codeTip = (code) => tip(this.at(path.codeSeen(step, code)), this.at(path.codeAt(moment, code)));
    set(marks.codeTips, { d: marks.used.map(codeTip).join("") });
    const ended = path.diverged_at !== null && moment.step >= path.steps;
    set(marks.heads, { d: places.map((place) => (ended ? crossAt(place) : dotAt(place, 4.5))).join("") });
    const codes = path.bypass ? [] : [...new Set(places.map((_, point) => path.assigned(moment, point)))];
    set(marks.nearest, { d: codes.map((code) => squareAt(this.at(path.codeAt(moment, code)), 4)).join("") });
  }

  /** The rings and cells of the method in focus. */
  drawCodes(path, moment) {
    const places = this.rings.map((_, code) => path.codeAt(moment, code));
    const assigned = new Set(this.picture.starts.map((_, point) => path.assigned(moment, point)));
    this.rings.forEach((ring, code) => {
      const [x, y] = places[code];
      set(ring, { cx: this.x(x).toFixed(1), cy: this.y(y).toFixed(1), stroke: assigned.has(code) ? path.colour : "var(--vq-muted)" });
    });
    const key = places.join();
    if (key !== this.cellsOf) {
      this.polygons = voronoiCells(places, this.picture.landscape.window);
      this.cellsOf = key;
    }
    const outline = (cell) => (cell.length ? `M${cell.map(this.at).join("L")}Z` : "");
    set(this.cells, { d: this.polygons.map(outline).join("") });
    set(this.cell, { d: [...assigned].map((code) => outline(this.polygons[code])).join(""), fill: path.colour });
  }

  /** What the estimator hands to z_e, the true gradient there, and the gap between their tips. */
  drawArrows(path, moment, point) {
    const { step, phase } = moment;
    const here = path.pointAt(moment, point);
    const code = path.codeAt(moment, path.assigned(moment, point));
    const linked = !path.bypass && phase !== "encode";
    set(this.pull, { d: linked ? `M${this.at(here)}L${this.at(code)}` : "", stroke: path.colour });
    const [x, y] = [this.x(here[0]), this.y(here[1])];
    if (linked) this.name("z_q", [this.x(code[0]), this.y(code[1])], "z_q", [8, 14], path.colour);
    this.name("z_e", [x, y], "z_e", [-10, -8], path.colour);
    this.drawDelay(path, moment, point);
    if (step >= path.steps || (phase !== null && phase !== "task step")) return;
    // In the task step the arrows stay where z_e was: they say how it moves.
    const from = phase === null ? [x, y] : [this.x(path.point(step, point)[0]), this.y(path.point(step, point)[1])];
    const [handed, slope] = [path.vector("handed", step, point), path.vector("slope", step, point)];
    const length = Math.max(lengthOf(handed), lengthOf(slope));
    if (!(length > 0) || !Number.isFinite(length)) return;
    const tip = ([u, v], [px, py] = from) => [px - (u * ARROW) / length, py + (v * ARROW) / length];
    this.pointed.set("slope", [from, tip(slope), "var(--vq-text)"]);
    this.pointed.set("handed", [from, tip(handed), path.colour]);
    const behind = tip(handed)[0] + tip(slope)[0] > 2 * from[0] ? -10 : 10; // where no arrow points
    this.name("z_e", [x, y], "z_e", [behind, tip(handed)[1] + tip(slope)[1] > 2 * from[1] ? -6 : 14], path.colour);
    this.labelArrows(path, from, tip(slope), tip(handed), gapOf(handed, slope));
    if (path.bypass) return;
    const atCode = path.codeSeen(step, path.assigned(moment, point));
    const origin = [this.x(atCode[0]), this.y(atCode[1])];
    const end = tip(path.vector("slope_at_z_q", step, point), origin);
    const [away, long] = [apart(origin, from), apart(origin, end)];
    if (away < CROWDED || long > 3 * ARROW) return;
    this.pointed.set("copied", [origin, end, path.colour]);
    this.name("z_q", origin, "z_q", [end[0] < origin[0] ? 9 : -9, end[1] < origin[1] ? 14 : -6], path.colour);
    const others = [tip(slope), tip(handed), between(tip(slope), tip(handed), 0.5)];
    if (others.some((other) => apart(other, end) < 2 * CROWDED)) return;
    this.name("copied", end, "−∇f(z_q)", end[0] < origin[0] ? [-6, 4] : [6, 4], path.colour);
  }

  /** From the code to where it would be had it made z_e's last move as well, at its true length. */
  drawDelay(path, { step, phase, part }, point) {
    const stepping = phase === "task step";
    const of = stepping ? step : step - 1;
    if (path.bypass || of < 0 || of >= path.steps || (phase !== null && !stepping)) return;
    const code = path.codes[of * path.numPoints + point];
    const from = stepping ? path.codeAt({ step, phase, part }, code) : path.code(step, code);
    const [u, v] = path.vector("delays", of, point).map((value) => value * (stepping ? part : 1));
    const [start, end] = [from, [from[0] + u, from[1] + v]].map(([x, y]) => [this.x(x), this.y(y)]);
    if (!(apart(start, end) > SEEN)) return;
    this.pointed.set("delay", [start, end, "var(--vq-text)"]);
    if (stepping) this.name("delay", end, "delay", [end[0] < start[0] ? -6 : 6, 4], "var(--vq-text)");
  }

  labelArrows(path, from, slopeTip, handedTip, { gap }) {
    const side = (tip) => (tip[0] < from[0] ? -1 : 1);
    const close = apart(slopeTip, handedTip);
    const said = close > CROWDED ? "" : `, gap ${percent(gap)}`;
    const up = slopeTip[1] <= handedTip[1] ? -1 : 1;
    const apartBy = close < CROWDED ? 9 : 0;
    this.name("slope", slopeTip, "true −∇f(z_e)", [7 * side(slopeTip), 4 + up * apartBy], "var(--vq-text)");
    this.name("handed", handedTip, `handed on −ĝ${said}`, [7 * side(handedTip), 4 - up * apartBy], path.colour);
    if (close < 12) return;
    this.pointed.set("gap", [slopeTip, handedTip, "var(--vq-bad)"]);
    const middle = [(slopeTip[0] + handedTip[0]) / 2, (slopeTip[1] + handedTip[1]) / 2];
    if (close <= CROWDED) return;
    const away = apart(from, middle) || 1;
    const [dx, dy] = [(middle[0] - from[0]) / away, (middle[1] - from[1]) / away]; // outside the triangle of the three
    this.name("gap", middle, `gap ${percent(gap)}`, [Math.abs(dx) < 0.6 ? 0 : 8 * dx, 4 + 14 * dy], "var(--vq-bad)");
  }

  /** Words beside a place, on its other side where the frame is near. */
  name(which, [x, y], text, [dx, dy], colour) {
    const room = 7 * text.length;
    const left = dx < 0 ? x + dx - room > MARGIN.left : x + dx + room > this.width - MARGIN.right;
    const shift = left ? -Math.abs(dx) : Math.abs(dx);
    const place = `translate(${round(x + shift)} ${round(y + dy)})`;
    const anchor = dx === 0 ? "middle" : left ? "end" : "start";
    this.named.set(which, { text, transform: place, fill: colour, "text-anchor": anchor });
  }

  // Starts and first codes, which can be dragged.

  drawHandles() {
    const { starts, first_codes: codes } = this.picture;
    const group = make(this.moving, "g", { fill: "none" });
    codes.forEach((place, code) => this.handle(group, "codes", code, place));
    starts.forEach((place, point) => this.handle(group, "starts", point, place));
    const [x, y] = starts[0];
    label(group, this.x(x) - 9, this.y(y) - 9, starts.length > 1 ? "starts" : "start", { fill: "var(--vq-muted)", "text-anchor": "end", "font-size": 11 });
  }

  handle(parent, kind, index, place) {
    const shape = kind === "starts" ? `M-6 -6H6V6H-6Z` : "M-3 0H3M0 -3V3";
    const mark = make(parent, "g", {});
    make(mark, "path", { d: shape, stroke: kind === "starts" ? "var(--vq-text)" : "var(--vq-muted)", "stroke-width": 1.3 });
    const move = ([x, y]) => set(mark, { transform: `translate(${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)})` });
    move(place);
    if (!this.report) return;
    const grip = make(mark, "circle", { r: HANDLE, class: "vq-traj-grip", fill: "transparent" });
    grip.dataset.handle = `${kind}-${index}`;
    make(grip, "title", {}, kind === "starts" ? "Drag: the point begins here" : `Drag: code ${index} begins here`);
    grip.addEventListener("pointerdown", (event) => this.drag(event, grip, move, kind, index));
  }

  drag(event, grip, move, kind, index) {
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    this.report.dragging();
    let place = null;
    const follow = (now) => move((place = this.under(now)));
    grip.addEventListener("pointermove", follow);
    const end = () => {
      grip.removeEventListener("pointermove", follow);
      if (!place) return;
      const { starts, first_codes: codes } = this.picture;
      const moved = { starts: starts.map((item) => [...item]), codes: codes.map((item) => [...item]) };
      moved[kind][index] = place;
      this.report.moved({ [kind]: moved[kind] });
    };
    grip.addEventListener("lostpointercapture", end, { once: true });
  }

  /** The place in the plane below a pointer, inside the window and short enough for a link. */
  under({ clientX, clientY }) {
    const box = this.moving.getBoundingClientRect();
    const [left, right, bottom, top] = this.picture.landscape.window;
    const x = left + (clientX - box.left - MARGIN.left) / this.scale;
    const y = top - (clientY - box.top - MARGIN.top) / this.scale;
    const inside = (value, low, high) => Number(Math.max(low, Math.min(high, value)).toFixed(3));
    return [inside(x, left, right), inside(y, bottom, top)];
  }
}

/** A line with a head, from tail to tip in pixels. */
class Arrow {
  constructor(parent, attributes) {
    this.line = make(parent, "path", { fill: "none", ...attributes });
    this.head = make(parent, "path", {});
    set(this.head, { "fill-opacity": attributes["stroke-opacity"] ?? 1 });
    this.size = 4 + 2 * attributes["stroke-width"];
  }

  /** No place, no arrow. */
  show(tail, head, colour) {
    if (!tail) {
      for (const part of [this.line, this.head]) set(part, { d: "" });
      return;
    }
    const [[x, y], [u, v]] = [tail, head];
    const length = Math.hypot(u - x, v - y);
    const [dx, dy] = length > 0 ? [(u - x) / length, (v - y) / length] : [0, 0];
    const size = Math.min(this.size, length);
    const [bx, by] = [u - size * dx, v - size * dy];
    const side = size * 0.45;
    set(this.line, { d: `M${round(x)} ${round(y)}L${round(bx)} ${round(by)}`, stroke: colour });
    const corners = [[u, v], [bx - side * dy, by + side * dx], [bx + side * dy, by - side * dx]];
    set(this.head, { d: `M${corners.map(([p, q]) => `${round(p)} ${round(q)}`).join("L")}Z`, fill: colour });
  }
}

const round = (value) => value.toFixed(1);
const short0 = (value) => String(value).replace("-", "−");
const dotAt = (place, radius) => `M${place}m${-radius} 0a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;
const squareAt = (place, half) => `M${place}m${-half} ${-half}h${2 * half}v${2 * half}h${-2 * half}Z`;
const crossAt = (place) => `M${place}m-5 -5l10 10m0 -10l-10 10`;

/** Words on the plane, with a rim that keeps them legible over lines. */
function label(parent, x, y, text, attributes) {
  const rim = { "paint-order": "stroke", stroke: "var(--vq-background)", "stroke-width": 3.5, "stroke-linejoin": "round" };
  return make(parent, "text", { x, y, ...rim, "font-weight": 600, ...attributes }, text);
}
