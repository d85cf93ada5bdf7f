// The row of buttons under the picture, its slider, and the keys that do the same.

const SPEEDS = [0.25, 0.5, 1, 2, 4, 8];
const KEY_JUMP = 10; // steps for shift and an arrow
const TYPES_INTO = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable=true], [role=slider], [role=combobox]";

class Timeline {
  /** `arrows`: whether ← and → are its own; in a lesson they are the page's. */
  constructor(parent, player, save, arrows) {
    this.player = player;
    this.arrows = arrows;
    this.bar = make(parent, "div", { class: "vq-traj-bar", role: "group", "aria-label": "timeline" });
    this.back = this.button("◂|", "One step back (←)", () => player.go(-1));
    this.playing = this.button("▶", "Play or pause (space)", () => this.toggle());
    this.on = this.button("|▸", "One step forward (→)", () => player.go(1));
    this.slider = make(this.bar, "input", { type: "range", min: 0, max: player.steps, step: 1, "aria-label": "step" });
    this.slider.addEventListener("input", () => player.seek(Number(this.slider.value)));
    this.step = make(this.bar, "span", { class: "vq-traj-step" });
    this.speed = make(this.bar, "select", { "aria-label": "speed" });
    for (const speed of SPEEDS) make(this.speed, "option", { value: speed }, `${speed}×`);
    this.speed.value = player.speed;
    this.speed.addEventListener("change", () => (player.speed = Number(this.speed.value)));
    const slow = make(this.bar, "label", { title: "Encode, assign, inner step, task step, one after the other" });
    this.slow = make(slow, "input", { type: "checkbox" });
    slow.append(" sub-steps");
    this.slow.addEventListener("change", () => player.setSlow(this.slow.checked));
    this.button("PNG", "Save the picture as PNG", () => save("png")).classList.add("vq-traj-save");
    this.button("SVG", "Save the picture as SVG", () => save("svg")).classList.add("vq-traj-save");
    this.said = make(parent, "div", { class: "vq-traj-said" });
    this.stages = PHASES.map((phase) => this.stage(phase));
    this.sentence = make(this.said, "span", { "aria-live": "polite" });
    this.keys = (event) => this.press(event);
    document.addEventListener("keydown", this.keys);
  }

  button(text, title, action) {
    const button = make(this.bar, "button", { type: "button", title, "aria-label": title }, text);
    button.addEventListener("click", action);
    return button;
  }

  stage(phase) {
    const button = make(this.said, "button", { type: "button", class: "vq-traj-stage" }, phase);
    button.addEventListener("click", () => {
      this.player.stop();
      this.player.enter(phase);
    });
    return button;
  }

  toggle() {
    if (this.player.playing) this.player.pause();
    else this.player.play();
  }

  press(event) {
    const on = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || on.closest?.(TYPES_INTO)) return;
    const jump = event.shiftKey ? KEY_JUMP : 0;
    const { player } = this;
    if (event.key === " " && !on.closest?.("button, a, summary, label, input[type=checkbox]")) this.toggle();
    else if (!this.arrows) return;
    else if (event.key === "ArrowRight") jump ? this.jump(jump) : player.go(1);
    else if (event.key === "ArrowLeft") jump ? this.jump(-jump) : player.go(-1);
    else return;
    event.preventDefault();
  }

  jump(steps) {
    this.player.stop();
    this.player.seek(this.player.moment.step + steps);
  }

  draw({ moment, focus, point }) {
    const { player } = this;
    write(this.playing, player.playing ? "❚❚" : "▶");
    if (this.slider.value !== String(moment.step)) this.slider.value = moment.step;
    write(this.step, `step ${moment.step} / ${player.steps}`);
    const phases = focus.phases();
    PHASES.forEach((phase, at) => {
      const button = this.stages[at];
      button.hidden = !player.slow;
      button.disabled = !phases.includes(phase) || moment.step >= focus.steps;
      set(button, { "aria-pressed": phase === moment.phase });
    });
    write(this.sentence, sentence(focus, moment, point));
    set(this.sentence, { title: this.sentence.textContent });
  }

  leave() {
    document.removeEventListener("keydown", this.keys);
  }
}
