// The experiments from one moment: a button for each, and below it what the held-out data said at its end.

class Experiments {
  constructor(parent) {
    this.node = document.createElement("section");
    this.node.className = "vq-experiments";
    this.clicks = new Clicks();
    this.sizes = new ResizeObserver(() => this.showReach());
    this.sizes.observe(this.node);
    parent.append(this.node);
    // Buttons are drawn again with each frame: a press must not need its button to be there still when it ends.
    this.node.addEventListener("click", (event) => this.pressed(event.target.closest("button")));
  }

  receive(data) {
    this.clicks.forget(data.taken);
    if (JSON.stringify({ ...data, taken: 0 }) !== this.drawn) this.draw(data);
    this.drawn = JSON.stringify({ ...data, taken: 0 });
    this.clicks.sendMore(data.taken);
  }

  pressed(button) {
    if (!button || button.disabled) return;
    this.clicks.add(button.dataset.meaning);
    if (button.dataset.meaning !== "all") button.classList.add("pressed");
  }

  draw(data) {
    this.node.hidden = !data.columns.length;
    this.node.setAttribute("aria-label", data.title);
    if (this.table?.dataset.shape !== data.shape) this.build(data);
    this.said.textContent = data.said;
    this.more.textContent = data.more;
    for (const [meaning, button] of this.tools) {
      const told = data.tools[meaning];
      button.hidden = !told;
      if (!told) continue;
      button.textContent = told.words;
      button.title = told.help;
      button.disabled = told.disabled;
    }
    data.columns.forEach((column, index) => this.drawColumn(column, this.columns[index]));
    this.showReach();
  }

  drawColumn(told, { button, bar, cells }) {
    button.dataset.meaning = told.meaning;
    button.disabled = told.disabled;
    button.title = told.help;
    button.className = told.stage;
    button.toggleAttribute("aria-current", told.shown);
    button.querySelector("span").textContent = told.name;
    bar.style.width = `${100 * told.share}%`;
    told.cells.forEach(({ text, best }, row) => {
      cells[row].textContent = best ? `★ ${text}` : text;
      cells[row].title = best ? "The best of the row" : "";
      cells[row].className = best ? "best" : "";
    });
  }

  /** Fades the side to which the table goes on beyond the window. */
  showReach() {
    if (!this.scroll) return;
    const { scrollLeft, clientWidth, scrollWidth } = this.scroll;
    this.scroll.classList.toggle("goes-left", scrollLeft > 1);
    this.scroll.classList.toggle("goes-right", scrollLeft + clientWidth < scrollWidth - 1);
  }

  build(data) {
    const make = (tag, parent, name = "") => {
      const made = document.createElement(tag);
      made.className = name;
      parent.append(made);
      return made;
    };
    this.node.replaceChildren();
    const head = make("div", this.node, "head");
    this.said = make("p", head);
    this.said.setAttribute("role", "status");
    this.more = make("span", head, "more");
    this.tools = new Map(["all", "cancel", "pause", "seed"].map((meaning) => {
      const button = make("button", head, "tool");
      button.type = "button";
      button.dataset.meaning = meaning;
      return [meaning, button];
    }));
    this.scroll = make("div", this.node, "scroll");
    this.scroll.addEventListener("scroll", () => this.showReach(), { passive: true });
    this.table = make("table", this.scroll);
    this.table.dataset.shape = data.shape;
    const top = make("tr", make("thead", this.table));
    make("td", top);
    this.columns = data.columns.map(() => {
      const cell = make("th", top);
      cell.scope = "col";
      const button = make("button", cell);
      button.type = "button";
      make("span", button);
      return { button, bar: make("i", button), cells: [] };
    });
    const body = make("tbody", this.table);
    for (const line of data.lines) {
      const row = make("tr", body);
      const head = make("th", row);
      head.scope = "row";
      head.textContent = line.words;
      head.title = line.meaning;
      for (const column of this.columns) column.cells.push(make("td", row));
    }
  }

  leave() {
    this.clicks.leave();
    this.sizes.disconnect();
    this.node.remove();
  }
}

const drawn = new WeakMap();

function mount({ data, parentElement, setStateValue }) {
  if (!drawn.has(parentElement)) drawn.set(parentElement, new Experiments(parentElement));
  const experiments = drawn.get(parentElement);
  experiments.clicks.tell = (clicks) => setStateValue("clicks", clicks);
  experiments.receive(data);
  return () => {
    if (parentElement.isConnected || drawn.get(parentElement) !== experiments) return;
    drawn.delete(parentElement);
    experiments.leave();
  };
}
