// The paths as they came from Python: where everything is at any moment.

// A moment is {step, phase, part}: phase null between whole steps, else one of PHASES; part runs from 0 to 1.
const PHASES = ["encode", "assign", "inner step", "task step"];
const KINDS = { u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

/** The numbers of an encoded array, flat; null stays null. */
function numbers(value) {
  if (value === null) return null;
  if (Array.isArray(value)) return Float64Array.from(value.flat(Infinity), (item) => item ?? NaN);
  return new KINDS[value.dtype](Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0)).buffer);
}

function between([x, y], [u, v], part) {
  return part === 0 ? [x, y] : [x + part * (u - x), y + part * (v - y)];
}

class MethodPath {
  constructor(raw, numPoints, numCodes) {
    Object.assign(this, raw, { numPoints, numCodes, colour: `var(--vq-${raw.role})` });
    const arrays = ["z_e", "codebook", "inner_codebook", "codes", "handed", "delays", "slope", "slope_at_z_q", "value"];
    for (const name of arrays) this[name] = numbers(raw[name]);
    this.measures = Object.fromEntries(Object.entries(raw.measures).map(([key, values]) => [key, numbers(values)]));
  }

  pair(array, step, index, width) {
    const at = 2 * (step * width + index);
    return [array[at], array[at + 1]];
  }

  vector(name, step, point) {
    return this.pair(this[name], step, point, this.numPoints);
  }

  /** z_e before a step; after its last step a path stays where it ended. */
  point(step, point) {
    return this.vector("z_e", Math.min(step, this.steps), point);
  }

  code(step, code) {
    return this.pair(this.codebook, Math.min(step, this.steps), code, this.numCodes);
  }

  /** A code as the task step sees it: after the inner steps, where there are any. */
  codeSeen(step, code) {
    if (this.inner_codebook === null || step >= this.steps) return this.code(step, code);
    return this.pair(this.inner_codebook, step, code, this.numCodes);
  }

  pointAt({ step, phase, part }, point) {
    const moves = phase === null || phase === "task step";
    return between(this.point(step, point), this.point(step + 1, point), moves ? part : 0);
  }

  codeAt({ step, phase, part }, code) {
    if (phase === null) return between(this.codeSeen(step, code), this.codeSeen(step + 1, code), part);
    if (phase === "inner step") return between(this.code(step, code), this.codeSeen(step, code), part);
    if (phase === "task step") return between(this.codeSeen(step, code), this.code(step + 1, code), part);
    return this.code(step, code);
  }

  /** The code of a point: before the inner steps the nearest then, afterwards the one that the task step used. */
  assigned({ step, phase }, point) {
    if (step < this.steps && (phase === null || phase === "inner step" || phase === "task step")) {
      return this.codes[step * this.numPoints + point];
    }
    return this.nearest(Math.min(step, this.steps), point);
  }

  nearest(step, point) {
    const [x, y] = this.point(step, point);
    let [best, least] = [0, Infinity];
    for (let code = 0; code < this.numCodes; code++) {
      const [u, v] = this.code(step, code);
      const distance = (u - x) ** 2 + (v - y) ** 2;
      if (distance < least) [best, least] = [code, distance];
    }
    return best;
  }

  /** Every code that some point was assigned to. */
  get usedCodes() {
    return [...new Set(this.codes)];
  }

  measure(key, step) {
    return step < this.steps ? this.measures[key][step] : NaN;
  }

  phases() {
    return this.inner_codebook === null ? PHASES.filter((phase) => phase !== "inner step") : PHASES;
  }
}

/** Everything that one picture shows. */
function readPicture(raw) {
  const { landscape } = raw;
  return {
    ...raw,
    landscape: { ...landscape, grid: numbers(landscape.grid) },
    methods: raw.methods.map((method) => new MethodPath(method, raw.starts.length, raw.first_codes.length)),
  };
}
