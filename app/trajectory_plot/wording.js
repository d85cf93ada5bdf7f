// What the picture says in words and numbers about one moment.

/** Three significant digits, as a person would write them. */
function short(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size < 1e-12) return "0"; // what rounding leaves of it
  if (size >= 1e4 || size < 1e-3) return value.toExponential(1).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  if (size >= 1000) return String(Math.round(value)).replace("-", "−");
  return value.toPrecision(3).replace("-", "−");
}

/** A value of one measure: angles to a tenth of a degree. */
function worded(measure, value) {
  if (measure.unit === "°") return Number.isFinite(value) ? `${value.toFixed(1)}°` : "–";
  return short(value);
}

const pairOf = ([x, y]) => `(${fixed(x)}, ${fixed(y)})`;
const fixed = (value) => (Math.abs(value) >= 1e4 ? short(value) : value.toFixed(2).replace("-", "−"));
const lengthOf = ([x, y]) => Math.hypot(x, y);
const apart = ([x, y], [u, v]) => Math.hypot(u - x, v - y);

/** Relative size of the gap between two gradients, and the angle in degrees. */
function gapOf(handed, slope) {
  const gap = apart(handed, slope) / lengthOf(slope);
  const cosine = (handed[0] * slope[0] + handed[1] * slope[1]) / (lengthOf(handed) * lengthOf(slope));
  return { gap, angle: (Math.acos(Math.max(-1, Math.min(1, cosine))) * 180) / Math.PI };
}

const percent = (share) => (share < 10 ? `${Math.round(100 * share)}%` : `${short(share)} times`);

/** One line about what happens at this moment to the point looked at, which is named where there are several. */
function sentence(path, moment, point) {
  const said = sentenceOf(path, moment, point);
  return path.numPoints > 1 ? `Point ${point + 1} of ${path.numPoints}: ${said}` : said;
}

function sentenceOf(path, moment, point) {
  const { step, phase } = moment;
  if (step >= path.steps) return ending(path, point);
  const z = path.point(step, point);
  const code = path.assigned(moment, point);
  if (phase === "encode") return `The encoder gives z_e = ${pairOf(z)}, where f = ${short(path.value[step * path.numPoints + point])}.`;
  if (phase === "assign") return assigning(path, step, point, code, z);
  if (phase === "inner step") return innerStepping(path, step, code, z);
  return stepping(path, step, point, code, phase === "task step");
}

function ending(path, point) {
  if (path.diverged_at !== null) return `${path.name} diverged at step ${path.diverged_at}: nothing is drawn after it.`;
  return `After ${path.steps} steps ${path.name} ends at z_e = ${pairOf(path.point(path.steps, point))}.`;
}

function assigning(path, step, point, code, z) {
  const place = path.code(step, code);
  const said = `Of ${path.numCodes} codes, code ${code} at ${pairOf(place)} is nearest: ‖z_e − c‖ = ${short(apart(z, place))}.`;
  return path.bypass ? `${said} Without quantization the task sees z_e itself.` : said;
}

function innerStepping(path, step, code, z) {
  const [before, after] = [path.code(step, code), path.codeSeen(step, code)];
  return (
    `Before the task step only the codebook moves: code ${code} moves ${short(apart(before, after))} towards its points, ` +
    `and ‖z_e − z_q‖ from ${short(apart(z, before))} to ${short(apart(z, after))}.`
  );
}

function stepping(path, step, point, code, full) {
  const [handed, slope] = [path.vector("handed", step, point), path.vector("slope", step, point)];
  const { gap, angle } = gapOf(handed, slope);
  const where = path.bypass ? "z_e itself" : "z_q";
  const far = Number.isFinite(gap) ? `gap ${percent(gap)} of ‖∇f(z_e)‖, angle ${angle.toFixed(1)}°` : "∇f(z_e) = 0 has no direction";
  const said = `f is evaluated at ${where}; z_e receives ĝ = ${pairOf(handed)} instead of ∇f(z_e) = ${pairOf(slope)}: ${far}.`;
  if (!full) return said;
  const [z, moved] = [path.point(step, point), path.point(step + 1, point)];
  const codeMoves = apart(path.codeSeen(step, code), path.code(step + 1, code));
  const moves = `z_e moves ${short(apart(z, moved))}, code ${code} moves ${short(codeMoves)}`;
  return `${said} ${moves}${path.bypass ? "" : `; delay ${short(lengthOf(path.vector("delays", step, point)))}`}.`;
}
