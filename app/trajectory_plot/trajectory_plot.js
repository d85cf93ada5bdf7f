// The whole picture: a plane, curves, a timeline and a legend that share one moment. Needs no framework and no server.

const NARROW = 560; // below, the curves stand under the plane
const AROUND = 310; // pixels of the window above and below the plane, without the legend's rows of 22
const LOWEST = 260; // of the plane: below, the window scrolls

class TrajectoryPlot {
  /** `before` is the view of the picture that this one replaces. */
  constructor(node, raw, callbacks, before) {
    this.node = node;
    this.picture = readPicture(raw);
    this.frames = 0;
    const { methods, steps } = this.picture;
    this.hidden = new Set([...(before?.hidden ?? [])].filter((name) => methods.some((path) => path.name === name)));
    const asked = before?.picture.focus === raw.focus ? undefined : raw.focus; // another one: the picture is of another idea
    const named = (name) => methods.find((path) => path.name === name);
    this.focus = named(asked) ?? named(before?.focus.name) ?? named("STE") ?? methods[0];
    this.point = Math.min(before?.point ?? 0, this.picture.starts.length - 1);
    this.player = new Player(steps, () => this.focus.phases(), () => this.schedule());
    this.build(callbacks);
    Object.assign(this.player, { speed: before?.player.speed ?? 1, slow: before?.player.slow ?? false });
    this.timeline.speed.value = this.player.speed;
    this.timeline.slow.checked = this.player.slow;
    this.player.seek(before ? before.player.moment.step : this.tellingStep());
    if (before?.player.playing) this.player.play();
    this.sizes = new ResizeObserver(([entry]) => this.resize(entry.contentRect.width));
    this.sizes.observe(this.node);
  }

  /** Where to look first: an early step whose gradient gap is plain to see, the point still far from a minimum. */
  tellingStep() {
    const { focus } = this;
    const { loss, "gradient angle": angle } = focus.measures;
    let [best, least] = [0, Infinity];
    for (let step = 3; step < Math.min(focus.steps, 40); step++) {
      const apartFrom = Math.abs(angle[step] - 60);
      if (apartFrom < least && loss[step] > 0.05 * loss[0]) [best, least] = [step, apartFrom];
    }
    return best;
  }

  build(callbacks) {
    const { node, picture, player } = this;
    node.replaceChildren();
    node.classList.add("vq-traj");
    if (callbacks.moved) make(node, "div", { class: "vq-traj-name" }, picture.landscape.title); // what can be exchanged
    const upper = make(node, "div", { class: "vq-traj-upper" });
    const report = callbacks.moved && {
      dragging: () => player.seek(0),
      moved: (places) => {
        node.dataset.waiting = "";
        callbacks.moved(places);
      },
    };
    this.plane = new Plane(upper, picture, report);
    this.plane.node.addEventListener("click", (event) => this.pick(event));
    node.addEventListener("click", letGo); // adding the same listener again changes nothing
    const seek = (step) => {
      player.stop();
      player.seek(step);
    };
    this.strips = new Strips(upper, picture, seek);
    this.timeline = new Timeline(node, player, (kind) => this.save(kind), !picture.focus);
    const actions = { toggle: (name) => this.toggle(name), focus: (name) => this.look(name) };
    this.legend = new Legend(make(node, "div", { class: "vq-traj-table" }), picture, actions);
    make(node, "p", { class: "vq-traj-note" }, this.note(Boolean(report)));
  }

  note(canDrag) {
    const { landscape, rate } = this.picture;
    const drag = canDrag ? " Drag □, where z_e begins, or +, where a code begins." : "";
    return (
      `f = ${landscape.formula}, learning rate ${rate}. ● z_e, ■ its code, ○ codes and cells of the method in focus. ` +
      `Arrows keep their ratio; the longer one is always drawn equally long.${drag}`
    );
  }

  resize(width) {
    if (!width || width === this.width) return;
    this.width = width;
    const gap = 12;
    const narrow = width < NARROW;
    const highest = Math.max(LOWEST, window.innerHeight - AROUND - 22 * this.picture.methods.length);
    const left = narrow ? width : Math.round(Math.min((width - gap) * 0.58, this.plane.widthOf(highest)));
    this.plane.resize(left);
    this.strips.resize(narrow ? width : width - gap - left, narrow ? 6 * 84 : this.plane.height);
    this.schedule();
  }

  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    if (!this.width) return;
    this.frames++;
    const view = { moment: this.player.moment, focus: this.focus, hidden: this.hidden, point: this.point };
    for (const part of [this.plane, this.strips, this.timeline, this.legend]) part.draw(view);
  }

  toggle(name) {
    if (!this.hidden.delete(name)) this.hidden.add(name);
    this.schedule();
  }

  look(name) {
    this.focus = this.picture.methods.find((path) => path.name === name);
    this.hidden.delete(name);
    const { phase, step } = this.player.moment;
    if (phase !== null && !this.focus.phases().includes(phase)) this.player.seek(step);
    this.schedule();
  }

  /** Of several points, look at the one nearest to the pointer. */
  pick({ clientX, clientY }) {
    const box = this.plane.moving.getBoundingClientRect();
    const far = this.picture.starts.map((_, point) => {
      const [x, y] = this.focus.pointAt(this.player.moment, point);
      return Math.hypot(this.plane.x(x) - clientX + box.left, this.plane.y(y) - clientY + box.top);
    });
    const nearest = far.indexOf(Math.min(...far));
    if (far[nearest] < 12) this.point = nearest;
    this.schedule();
  }

  async save(kind) {
    const { plane } = this;
    const svg = standaloneSvg(this.node, [plane.still, plane.moving, this.namesForSaving()], plane.width, this.savedHeight());
    const name = `trajectories-${this.picture.landscape.name}-step-${this.player.moment.step}`;
    if (kind === "svg") download(`${name}.svg`, new Blob([svg], { type: "image/svg+xml" }));
    else download(`${name}.png`, await pngOf(svg, plane.width, this.savedHeight()));
  }

  shown() {
    return this.picture.methods.filter((path) => !this.hidden.has(path.name));
  }

  savedHeight() {
    return this.plane.height + 18 * Math.ceil(this.shown().length / 3) + 8;
  }

  /** The names of the lines, for a picture that leaves its legend behind. */
  namesForSaving() {
    const group = document.createElementNS(SVG, "g");
    this.shown().forEach((path, at) => {
      const [x, y] = [MARGIN.left + ((at % 3) * (this.plane.width - MARGIN.left)) / 3, this.plane.height + 14 + 18 * Math.floor(at / 3)];
      const look = path.bypass ? { "stroke-width": 5, "stroke-opacity": 0.3 } : { "stroke-width": 2.4, "stroke-dasharray": path.dash };
      make(group, "path", { d: `M${x} ${y - 4}h28`, fill: "none", stroke: path.colour, ...look });
      make(group, "text", { x: x + 34, y, fill: "var(--vq-text)" }, path.name);
    });
    return group;
  }

  leave() {
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.player.stop();
    this.timeline.leave();
  }
}

/** After a click with the pointer the space bar plays again, instead of pressing the same button twice. */
function letGo(event) {
  if (event.detail > 0 && event.target.closest("button, input[type=checkbox]")) document.activeElement.blur();
}

/** Draw `data` in `node`; `callbacks.moved` hears of starts or codes dragged elsewhere. */
function mount(node, data, callbacks = {}, before = undefined) {
  node.vqTrajectories = new TrajectoryPlot(node, data, callbacks, before);
  delete node.dataset.waiting;
  return node.vqTrajectories;
}
