// The buttons that command a training.

const SHAPES = { // Material icons, 24 × 24
  resume: "M8 5v14l11-7z",
  pause: "M6 19h4V5H6v14zm8-14v14h4V5h-4z",
  step: "M6 18l8.5-6L6 6v12zM16 6v12h2V6h-2z",
  restart:
    "M12 5V1L7 6l5 5V7c3.31 0 6 2.69 6 6 0 2.97-2.17 5.43-5 5.91v2.02c3.95-.49 7-3.85 7-7.93 0-4.42-3.58-8-8-8z" +
    "M6 13c0-1.65.67-3.15 1.76-4.24L6.34 7.34C4.9 8.79 4 10.79 4 13c0 4.08 3.05 7.44 7 7.93v-2.02" +
    "c-2.83-.48-5-2.94-5-5.91z",
  undo:
    "M12.5 8c-2.65 0-5.05.99-6.9 2.6L2 7v9h9l-3.62-3.62c1.39-1.16 3.16-1.88 5.12-1.88 3.54 0 6.55 2.31 7.6 5.5" +
    "l2.37-.78C21.08 11.03 17.15 8 12.5 8z",
  discard: "M19 6.41 17.59 5 12 10.59 6.41 5 5 6.41 10.59 12 5 17.59 6.41 19 12 13.41 17.59 19 19 17.59 13.41 12z",
};
const RUNS_AFTER = { resume: true, pause: false, step: false, undo: false };
const SVG = "http://www.w3.org/2000/svg";

class Transport {
  constructor(parent) {
    this.node = document.createElement("div");
    this.node.className = "vq-transport";
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "Training");
    this.buttons = new Map();
    this.clicks = new Clicks();
    parent.append(this.node);
  }

  /** What the page's script says. */
  receive(data) {
    this.clicks.forget(data.taken);
    // While a click is on its way the script does not know what it changes.
    if (this.running === undefined || (data.settled && !this.clicks.waiting.length)) this.running = data.running;
    this.data = data;
    this.draw();
    this.clicks.sendMore(data.taken);
    this.left ??= onStage(data.road, (training) => this.follow(training));
  }

  /** What a frame says: a training that pauses by itself is told before the page's script has run. */
  follow({ running, settled, sent }) {
    if (!settled || this.clicks.waiting.length || sent < this.data.sent || running === this.running) return;
    this.running = running;
    this.draw();
  }

  draw() {
    const named = new Map(this.data.buttons.map((button) => [button.name, button]));
    for (const [name, button] of this.buttons) {
      if (named.has(name)) continue;
      button.remove();
      this.buttons.delete(name);
    }
    for (const [name, told] of named) this.show(this.buttons.get(name) ?? this.add(name), name, told);
  }

  add(name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `vq-${name}`;
    button.addEventListener("click", () => this.click(name));
    const icon = document.createElementNS(SVG, "svg");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("aria-hidden", "true");
    icon.append(document.createElementNS(SVG, "path"));
    button.append(icon, document.createElement("span"));
    this.node.append(button);
    this.buttons.set(name, button);
    return button;
  }

  show(button, name, told) {
    const meaning = this.meaning(name);
    const help = (meaning === "pause" && told.help_running) || told.help;
    button.dataset.meaning = meaning;
    button.disabled = told.disabled;
    button.title = help;
    const words = button.querySelector("span");
    if (words.textContent !== told.label) words.textContent = told.label;
    if (told.label) button.removeAttribute("aria-label"); // its words name it
    else button.setAttribute("aria-label", help);
    button.querySelector("svg").style.display = SHAPES[meaning] ? "" : "none";
    button.querySelector("path").setAttribute("d", SHAPES[meaning] ?? "");
  }

  /** What a click means now. */
  meaning(name) {
    if (name !== "play") return name;
    return this.running ? "pause" : "resume";
  }

  click(name) {
    const meaning = this.meaning(name);
    this.running = RUNS_AFTER[meaning] ?? this.running;
    this.draw();
    this.clicks.add(meaning);
  }

  leave() {
    this.left?.();
    this.clicks.leave();
    this.node.remove();
  }
}

const transports = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  if (!transports.has(parentElement)) transports.set(parentElement, new Transport(parentElement));
  const transport = transports.get(parentElement);
  transport.clicks.tell = (clicks) => setStateValue("clicks", clicks);
  transport.receive(data);
  // Streamlit also calls this when an update overtakes the one before it: then the buttons are still on the page.
  return () => {
    if (parentElement.isConnected || transports.get(parentElement) !== transport) return;
    transports.delete(parentElement);
    transport.leave();
  };
}
