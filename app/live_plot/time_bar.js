// Going back in time: the server shows what is asked for, and the bar asks for one moment at a time.

const SPEEDS = [1, 4, 16, 60];
const TICK = 100; // ms
const ANSWER = 3000; // ms after which an answer is no longer waited for
const SVG = "http://www.w3.org/2000/svg";
const LIVE = "live";

class TimeBar {
  constructor(parent) {
    this.parent = parent;
    this.node = document.createElement("div");
    this.node.className = "vq-time";
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "timeline");
    this.play = this.add("button", "vq-time-play", { type: "button" });
    this.play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
    this.speed = this.add("select", "vq-time-speed", { "aria-label": "speed", title: "1× is as fast as it trained" });
    for (const speed of SPEEDS) this.speed.add(new Option(`${speed}×`, speed));
    this.speed.value = SPEEDS[1];
    const track = this.add("span", "vq-time-track");
    this.ticks = document.createElementNS(SVG, "svg");
    this.ticks.setAttribute("preserveAspectRatio", "none");
    this.ticks.setAttribute("viewBox", "0 0 1000 8");
    this.ticks.setAttribute("aria-hidden", "true");
    this.kept = this.ticks.appendChild(document.createElementNS(SVG, "path"));
    this.marks = this.ticks.appendChild(document.createElementNS(SVG, "path"));
    this.slider = document.createElement("input");
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "moment");
    this.slider.addEventListener("input", () => this.drag(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => this.press(event));
    track.append(this.ticks, this.slider);
    this.says = this.add("span", "vq-time-says");
    this.live = this.add("button", "vq-time-live", { type: "button", title: "Back to the newest step" });
    this.live.textContent = "live";
    this.live.addEventListener("click", () => {
      this.stop();
      this.ask(LIVE);
    });
    parent.append(this.node);
  }

  add(tag, name, attributes = {}) {
    const element = document.createElement(tag);
    element.className = name;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    this.node.append(element);
    return element;
  }

  receive(data) {
    this.data = data;
    const shown = data.shown ?? LIVE;
    // A moment that was dropped on the way is answered with the one before it.
    if (this.sent === shown || this.shownAtSend !== shown || this.waitedLong()) this.sent = undefined;
    if (this.asked !== undefined) this.send();
    this.slider.max = data.newest;
    this.slider.min = data.steps[0];
    this.slider.title = data.help;
    const span = Math.max(1, data.newest - data.steps[0]);
    const path = (steps) => steps.map((at) => `M${((1000 * (at - data.steps[0])) / span).toFixed(3)} 0V8`).join("");
    const scheme = schemeBehind(this.parent);
    this.kept.setAttribute("d", path(data.steps));
    this.kept.setAttribute("stroke", colourOf("role:axis", scheme, ""));
    this.marks.setAttribute("d", path(data.marks));
    this.marks.setAttribute("stroke", colourOf("role:C", scheme, ""));
    this.play.disabled = data.steps.length < 2;
    this.draw();
  }

  draw() {
    const { shown, newest } = this.data;
    const wanted = this.timer ? undefined : this.asked ?? this.sent; // a hand sees where it is, a film what it shows
    const going = wanted ?? shown ?? LIVE;
    const at = going === LIVE ? newest : going;
    this.slider.value = at;
    this.node.dataset.live = going === LIVE;
    write(this.says, going === LIVE ? "newest step" : `step ${at.toLocaleString("en")}`);
    write(this.play, this.timer ? "❚❚" : "▶");
    const does = this.timer ? "Stop playing" : "Play the moments kept so far";
    this.play.title = does;
    this.play.setAttribute("aria-label", does);
    this.live.setAttribute("aria-pressed", going === LIVE);
  }

  /** The place of the newest kept moment at or before `step`, else of the first. */
  indexOf(step) {
    return Math.max(0, this.data.steps.findLastIndex((at) => at <= step));
  }

  drag(step) {
    this.stop();
    this.ask(step >= this.data.newest ? LIVE : this.data.steps[this.indexOf(step)]);
  }

  /** An arrow goes to the next moment kept, which may be many steps away. */
  press(event) {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    this.stop();
    this.go(this.here() + by);
  }

  here() {
    const at = this.asked ?? this.sent ?? this.data.shown ?? LIVE;
    return at === LIVE ? this.data.steps.length : this.indexOf(at);
  }

  go(index) {
    this.ask(index >= this.data.steps.length ? LIVE : this.data.steps[Math.max(0, index)]);
  }

  ask(moment) {
    this.asked = moment;
    this.send();
    this.draw();
  }

  waitedLong() {
    return performance.now() - this.sentAt > ANSWER;
  }

  /** Only the newest wish is sent, and only when the one before is on show: playing never floods the server. */
  send() {
    if ((this.sent !== undefined && !this.waitedLong()) || this.asked === undefined) return;
    const shown = this.data.shown ?? LIVE;
    this.sent = this.asked === shown ? undefined : this.asked;
    this.shownAtSend = shown;
    this.asked = undefined;
    this.sentAt = performance.now();
    if (this.sent !== undefined) this.tell(String(this.sent));
  }

  start() {
    const from = this.here() >= this.data.steps.length ? 0 : this.here();
    this.clock = this.data.seconds[from];
    this.before = performance.now();
    this.timer = setInterval(() => this.tick(), TICK);
    this.go(from);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.data) this.draw();
  }

  tick() {
    const now = performance.now();
    this.clock += ((now - this.before) / 1000) * Number(this.speed.value);
    this.before = now;
    const { seconds } = this.data;
    const index = Math.max(0, seconds.findLastIndex((at) => at <= this.clock));
    if (this.clock <= seconds.at(-1)) {
      if (index !== this.here()) this.go(index);
      else this.send();
      return;
    }
    this.stop();
    this.ask(LIVE);
  }

  leave() {
    clearInterval(this.timer);
    this.node.remove();
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const bars = new WeakMap();

function mount({ data, parentElement, setTriggerValue }) {
  if (!bars.has(parentElement)) bars.set(parentElement, new TimeBar(parentElement));
  const bar = bars.get(parentElement);
  bar.tell = (moment) => setTriggerValue("go", moment);
  bar.receive(data);
  // Streamlit also calls this when an update overtakes the one before it: then the bar is still on the page.
  return () => {
    if (parentElement.isConnected || bars.get(parentElement) !== bar) return;
    bars.delete(parentElement);
    bar.leave();
  };
}
