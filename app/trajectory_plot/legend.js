// One row a method: its switch, its line, its name, which puts it in focus, and its numbers at the cursor.

class Legend {
  constructor(parent, picture, actions) {
    this.picture = picture;
    const table = make(parent, "table", { class: "vq-traj-legend" });
    const head = make(make(table, "thead"), "tr");
    make(head, "th", { class: "vq-traj-method" }, "method");
    for (const measure of picture.measures) make(head, "th", { title: measure.formula }, measure.name);
    const body = make(table, "tbody");
    this.rows = picture.methods.map((path) => this.row(body, path, actions));
  }

  row(body, path, { toggle, focus }) {
    const row = make(body, "tr", { "data-method": path.name });
    const cell = make(row, "th", { scope: "row" });
    const shown = make(cell, "input", { type: "checkbox", "aria-label": `show ${path.name}` });
    shown.checked = true;
    shown.addEventListener("change", () => toggle(path.name));
    const swatch = make(cell, "svg", { width: 30, height: 10, "aria-hidden": "true" });
    const look = path.bypass ? { "stroke-width": 5, "stroke-opacity": 0.3 } : { "stroke-width": 2.4, "stroke-dasharray": path.dash };
    make(swatch, "path", { d: "M1 5H29", stroke: path.colour, fill: "none", ...look });
    const name = make(cell, "button", { type: "button", title: "Focus on this path: its cells, arrows and sub-steps" }, path.name);
    name.addEventListener("click", () => focus(path.name));
    if (path.diverged_at !== null) make(cell, "em", {}, `diverged at step ${path.diverged_at}`);
    const values = this.picture.measures.map(() => make(row, "td"));
    return { path, row, shown, name, values };
  }

  draw({ moment, focus, hidden }) {
    for (const { path, row, shown, name, values } of this.rows) {
      set(row, { class: path === focus ? "vq-traj-focus" : "" });
      set(name, { "aria-pressed": path === focus });
      shown.checked = !hidden.has(path.name);
      this.picture.measures.forEach((measure, at) => write(values[at], worded(measure, path.measure(measure.key, moment.step))));
    }
  }
}
