// The clock of the picture: which moment is shown, and how it goes on.

const STEPS_PER_SECOND = 10; // at speed 1
const SUB_STEP_SECONDS = 1.25; // at speed 1
const MOTION = 0.55; // share of a sub-step in which things move; then they rest, to be read

class Player {
  /** `phases` tells the sub-steps of a whole step; `changed` is called whenever the moment is another. */
  constructor(steps, phases, changed) {
    Object.assign(this, { steps, phases, changed, playing: false, slow: false, speed: 1 });
    this.moment = { step: 0, phase: null, part: 0 };
  }

  play() {
    if (this.playing) return;
    if (this.moment.step >= this.steps) this.seek(0);
    this.playing = true;
    this.run();
  }

  /** No playing, and no sub-step on its way. */
  stop() {
    this.playing = false;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  pause() {
    this.stop();
    if (!this.slow) this.moment = { ...this.moment, part: 0 };
    this.changed();
  }

  /** To a whole step; in sub-step mode, to its first sub-step. */
  seek(step) {
    const at = Math.max(0, Math.min(this.steps, step));
    this.moment = { step: at, phase: this.slow && at < this.steps ? this.phases()[0] : null, part: 0 };
    this.since = 0;
    this.changed();
  }

  setSlow(slow) {
    this.slow = slow;
    this.seek(this.moment.step);
    if (this.playing) this.run();
  }

  /** One step or sub-step on or back, and no playing. */
  go(direction) {
    this.stop();
    const { step, phase } = this.moment;
    if (!this.slow || (phase === null && direction > 0)) return this.seek(step + direction);
    const phases = this.phases();
    const next = (phase === null ? 0 : phases.indexOf(phase)) + direction;
    if (next < 0) {
      if (step === 0) return this.seek(0);
      const last = phases.at(-1);
      return this.show({ step: step - 1, phase: last, part: 1 });
    }
    if (next >= phases.length) return this.seek(step + 1);
    this.enter(phases[next], direction > 0);
  }

  enter(phase, animated = true) {
    this.show({ step: this.moment.step, phase, part: animated ? 0 : 1 });
    if (animated) this.run();
  }

  show(moment) {
    this.moment = moment;
    this.since = 0;
    this.changed();
  }

  run() {
    this.since = 0;
    this.last = undefined;
    this.frame ||= requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.frame = 0;
    const seconds = this.last === undefined ? 0 : Math.min(0.25, (now - this.last) / 1000);
    this.last = now;
    const goesOn = this.moment.phase === null ? this.advance(seconds) : this.advanceSlowly(seconds);
    this.changed();
    if (goesOn) this.frame = requestAnimationFrame((next) => this.tick(next));
  }

  advance(seconds) {
    if (!this.playing) return false;
    const at = this.moment.step + this.moment.part + seconds * STEPS_PER_SECOND * this.speed;
    const step = Math.min(this.steps, Math.floor(at));
    this.playing = step < this.steps;
    this.moment = { step, phase: null, part: this.playing ? at - step : 0 };
    return this.playing;
  }

  advanceSlowly(seconds) {
    this.since += (seconds * this.speed) / SUB_STEP_SECONDS;
    const { step, phase } = this.moment;
    const part = Math.min(1, this.since / MOTION);
    this.moment = { step, phase, part: part * part * (3 - 2 * part) };
    if (!this.playing) return part < 1;
    if (this.since < 1) return true;
    const phases = this.phases();
    const next = phases[phases.indexOf(phase) + 1];
    if (next) this.show({ step, phase: next, part: 0 });
    else this.seek(step + 1);
    this.playing = this.moment.phase !== null;
    return this.playing;
  }
}
