// A Plotly figure that keeps its place on the page: made once, then only given newer data.

const ALWAYS = ["zoom2d", "pan2d"];
const SELECTING = { all: ["lasso2d", "select2d"], box: ["select2d"], click: [] };
const RANGE = /^([xy]axis\d*)\.(autorange|range)(?:\[([01])\])?$/;
const PLOTLY_MAY_ANSWER = 500; // ms after letting go: Plotly gathers a lasso's points at most every 100 ms

/** Plots with something to draw take turns, one a frame: between two of them the page answers its reader. */
const queue = { plots: new Set(), frame: 0, drawing: 0 };

/** Whether any of them is still to be drawn. */
window.vqScopeDrawing = () => queue.plots.size > 0 || queue.drawing > 0;

function takeTurn(plot) {
  queue.plots.add(plot);
  queue.frame ||= requestAnimationFrame(drawFirst);
}

function drawFirst() {
  const [plot] = queue.plots;
  queue.plots.delete(plot);
  queue.frame = queue.plots.size ? requestAnimationFrame(drawFirst) : 0;
  plot?.draw();
}

class LivePlot {
  constructor(parent, kept) {
    this.parent = parent;
    this.selection = new IdSelection(kept);
    this.files = fileButtons(this);
    this.ranges = new Map(); // by axis, where the reader zoomed or panned
    this.steady = new SteadyAxes();
    this.framed = null; // what Plotly shows of an unseen chart; null where it must be told of the next update anyway
    this.node = document.createElement("div");
    this.node.className = "vq-plot";
    this.painting = new Painting(this.node);
    parent.append(this.node);
    this.width = 0; // told by the observer: asking for it would make the browser lay out the page at every draw
    this.sizes = new ResizeObserver(([entry]) => {
      this.width = Math.round(entry.contentRect.width);
      if (this.sent) this.receive(this.sent); // a wider window is often a higher one too
      this.schedule();
    });
    this.sizes.observe(this.node);
    this.unheld = (event) => this.release(event);
    this.node.addEventListener("pointerdown", (event) => this.hold(event), true);
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, this.unheld);
    this.node.addEventListener("pointerenter", (event) => this.approach(event));
    this.node.addEventListener("pointermove", (event) => this.follow(event));
    this.node.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.hoverInput?.away();
    });
  }

  receive(sent) {
    const { from, share, gives } = sent.grow ?? { from: 0, share: 0, gives: 0 };
    this.sent = sent;
    const taller = Math.max(share * (window.innerHeight - from), -gives);
    const data = { ...sent, height: sent.height + Math.round(taller) };
    if (data.answered === this.unanswered) this.unanswered = null;
    // What was sent before the page knew of this hand's last choice would take that back for a moment.
    const told = this.unanswered ? this.told : JSON.stringify(data.selected);
    if (data.selected && told !== this.told) this.selection = new IdSelection(data.selected);
    const scheme = schemeBehind(this.parent);
    const same = data.revision !== null && data.revision === this.data?.revision;
    if (same && told === this.told && scheme === this.scheme && data.height === this.data.height) return;
    Object.assign(this, { data, told, scheme });
    if (data.inputs) this.hoverInput ??= new HoverInput(this.node, data.inputs);
    this.node.style.height = `${data.height}px`;
    this.node.classList.toggle("vq-late", Boolean(data.late));
    this.node.setAttribute("role", "figure");
    this.node.setAttribute("aria-label", data.alt);
    this.schedule();
  }

  // Drawing: only the newest, never while a hand is on the plot.

  schedule() {
    this.stale = true;
    takeTurn(this);
  }

  async draw() {
    if (this.drawing || this.held || this.gone || !this.width || !this.data) return;
    this.drawing = true;
    queue.drawing += 1;
    try {
      const plotly = this.plotly ?? (await loadPlotly(this.data.script));
      while (this.stale && !this.held && !this.gone) await this.drawNewest(plotly);
    } catch (error) {
      console.error(error);
      this.node.dataset.problem = error.message ?? String(error); // Plotly throws strings, too
    }
    this.drawing = false;
    queue.drawing -= 1;
  }

  async drawNewest(plotly) {
    this.stale = false;
    this.drawn = this.data;
    const { data, layout } = this.dressed(this.drawn.figure);
    const isLeft = !this.pointer && (this.ranges.size === 0 || data.every(isCloud));
    const rest = isLeft ? unseen(data, layout) : null;
    const painted = rest ? data : data.filter(isCloud);
    const loading = this.painting.loading(painted);
    if (loading) await loading;
    this.painting.take(painted, rest ?? {});
    const framed = rest && framing(data, rest.layout);
    if (framed && framed === this.framed) {
      this.painting.paint();
    } else {
      this.framed = null;
      this.shapes = rest ? frames(data, rest.layout) : standIns(data, layout);
      await this.tell(plotly, rest?.layout ?? layout);
      this.framed = framed;
    }
    delete this.node.dataset.problem;
    this.node.dispatchEvent(new CustomEvent("drawn")); // for who watches from outside
  }

  async tell(plotly, layout) {
    if (this.plotly) {
      await plotly.react(this.node, this.shapes, layout, this.config());
    } else {
      await plotly.newPlot(this.node, this.shapes, layout, this.config());
      this.plotly = plotly;
      this.painting.paint();
      this.listen();
    }
    this.freshenHover();
  }

  /** A figure with its selection, its size and this page's colours. */
  dressed({ data, layout }) {
    const traces = data.map((trace) => ({ ...trace }));
    for (const trace of traces) {
      this.selection.mark(trace);
      tellCells(trace);
    }
    const font = getComputedStyle(this.parent).fontFamily;
    const dress = (value) => withColours(value, this.scheme, font);
    // Plotly would select again by place with its own outline: the ids decide, so it keeps none.
    this.selectionRevision = (this.selectionRevision ?? 0) + 1;
    const own = { selections: [], selectionrevision: this.selectionRevision };
    const size = { width: this.width, height: this.data.height };
    const chosen = withLegendLines(this.asChosen(dress(layout), traces), this.width);
    return { data: dress(traces), layout: { ...chosen, ...own, ...size } };
  }

  /**
   * The layout with the ranges and the tool that the reader chose, clouds else on steady axes. Plotly's own
   * `uirevision` would drop the choice as soon as the figure's ranges move, which they do while a model trains; so it
   * is switched off for these.
   */
  asChosen(layout, traces) {
    if (layout.uirevision !== this.uirevision) {
      this.ranges.clear();
      this.steady.forget();
    }
    this.uirevision = layout.uirevision;
    if (traces.every(isCloud)) this.steady.settle(traces, layout);
    for (const name of Object.keys(layout).filter(isAxis)) {
      const range = this.ranges.get(name);
      layout[name] = { ...layout[name], ...(range && { range: [...range], autorange: false }), uirevision: false };
    }
    clearTicks(layout, this.data.height);
    if (this.tool) layout.dragmode = this.tool;
    layout.modebar = { ...layout.modebar, uirevision: false };
    return layout;
  }

  config() {
    const { png, svg, csv } = this.files;
    const files = tracesOf(this.data.figure).length ? [png, svg, csv] : [png, svg];
    const drags = [...ALWAYS, ...(SELECTING[this.data.selectable] ?? [])];
    return {
      displaylogo: false,
      displayModeBar: "hover",
      modeBarButtons: [drags, ["resetScale2d"], files],
      ...this.data.figure.config,
    };
  }

  // The reader's hand.

  hold(event) {
    clearTimeout(this.waiting);
    this.held = true;
    this.selecting = this.cleared = false;
    this.adding = event.shiftKey;
  }

  /** Plotly hears the same event a moment later, and tells of a lasso later still. */
  release() {
    if (!this.held) return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.letGo(), this.selecting ? PLOTLY_MAY_ANSWER : 0);
  }

  letGo() {
    clearTimeout(this.waiting);
    this.held = this.selecting = false;
    if (this.stale && !this.gone) this.schedule();
  }

  /** From now on Plotly is to know what a hand can point at. */
  approach(event) {
    this.hoverInput?.near();
    if (this.pointer) return;
    this.follow(event);
    this.stale = true;
    this.draw();
  }

  follow(event) {
    if (this.held && event.buttons === 0) this.release(); // let go outside the window
    this.pointer = { clientX: event.clientX, clientY: event.clientY };
  }

  /** Plotly's hover label keeps the old place and number: ask again where the pointer rests. */
  freshenHover() {
    if (!this.pointer) return;
    const under = document.elementFromPoint(this.pointer.clientX, this.pointer.clientY);
    if (!under?.classList.contains("nsewdrag") || !this.node.contains(under)) return;
    under.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, ...this.pointer }));
  }

  listen() {
    const points = (event) => event?.points ?? [];
    for (const moved of ["plotly_afterplot", "plotly_relayouting"]) this.node.on(moved, () => this.painting.paint());
    this.node.on("plotly_selecting", (event) => {
      this.selecting = this.held;
      if (this.held) this.preview(points(event));
    });
    // Plotly also says "selected" when a redraw drops its outline; only a hand on the plot means it.
    this.node.on("plotly_selected", (event) => {
      if (!event || !this.held) return;
      this.select([...points(event), ...this.within(event.range)]);
      this.letGo();
    });
    this.node.on("plotly_hover", (event) => this.showInput(points(event)[0]));
    this.node.on("plotly_unhover", () => this.hoverInput?.hide());
    this.node.on("plotly_relayout", (change) => this.choose(change));
    // The second of two clicks is told as a double one and then as a click on what is, or just was, under the hand.
    this.node.on("plotly_click", (event) => this.cleared || this.select(points(event).slice(0, 1)));
    for (const twice of ["plotly_deselect", "plotly_doubleclick"]) this.node.on(twice, () => this.clear());
  }

  showInput(point) {
    const isVector = point?.fullData.meta?.role === "P";
    const { left } = this.node.getBoundingClientRect();
    if (isVector) this.hoverInput?.show(point.customdata, this.pointer?.clientX < left + this.width / 2);
    else this.hoverInput?.hide();
  }

  /** Notes a zoom, a pan, a reset or another tool from Plotly's report of it. */
  choose(change) {
    if (change.dragmode) this.tool = change.dragmode;
    for (const [key, value] of Object.entries(change)) {
      const [, name, what, end] = RANGE.exec(key) ?? [];
      if (!name) continue;
      const axis = this.node._fullLayout[name];
      const range = what === "autorange" ? null : this.ranges.get(name) ?? [...axis.range];
      if (range && end) range[end] = value;
      else if (range) range.splice(0, 2, ...value);
      const reset = !range || (range[0] === axis._rangeInitial0 && range[1] === axis._rangeInitial1);
      if (reset) this.ranges.delete(name);
      else this.ranges.set(name, range);
    }
    this.schedule();
  }

  /** Plotly selects markers only; of an outline, a box takes every row between its sides. */
  within(range) {
    return this.node._fullData.flatMap(({ mode, meta, x, xaxis, index }) => {
      const ends = range?.[xaxis];
      if (!ends || !meta?.role || mode !== "lines") return [];
      const [low, high] = [...ends].sort((a, b) => a - b);
      return [...x.keys()].filter((row) => low <= x[row] && x[row] <= high)
        .map((row) => ({ curveNumber: index, pointNumber: row }));
    });
  }

  /** Paints what would be selected if the hand let go now. */
  preview(points) {
    const kept = this.selection;
    this.selection = (this.adding ? kept : new IdSelection()).plus(points, this.shapes);
    this.painting.take(this.dressed(this.drawn.figure).data.filter(isCloud));
    this.painting.paint();
    this.selection = kept;
    this.stale = true; // the hand may also give up
  }

  clear() {
    this.cleared = true;
    this.select([], true);
  }

  select(points, clears = false) {
    if (!this.data.selectable) return;
    const hand = new IdSelection().plus(points, this.shapes);
    const adds = this.adding && !clears;
    this.selection = adds ? this.selection.plus(points, this.shapes) : hand;
    this.unanswered = Date.now();
    this.told = null;
    this.report({ ids: this.selection.plain(), hand: { at: this.unanswered, ids: hand.plain(), adds, clears } });
    this.schedule(); // Plotly has drawn its own idea of the selection
  }

  leave() {
    this.gone = true;
    queue.plots.delete(this);
    this.sizes.disconnect();
    for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, this.unheld);
    this.hoverInput?.leave();
    this.plotly?.purge(this.node);
    this.node.remove();
  }
}

const plots = new WeakMap();

function mount({ data, parentElement, setStateValue }) {
  if (!plots.has(parentElement)) plots.set(parentElement, new LivePlot(parentElement, data.kept));
  const plot = plots.get(parentElement);
  plot.report = (selection) => setStateValue("selection", selection);
  plot.receive(data);
  // Streamlit also calls this when an update overtakes the one before it: then the plot is still on the page.
  return () => {
    if (parentElement.isConnected || plots.get(parentElement) !== plot) return;
    plots.delete(parentElement);
    plot.leave();
  };
}
