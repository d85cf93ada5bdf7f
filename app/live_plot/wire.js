// Reads what `app/stream/wire.py` writes.

const NUMBERS = { u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };
const letters = new TextDecoder();

/** What begins at `at`: its JSON, and where that ends. */
function headed(buffer, at) {
  const length = new DataView(buffer).getUint32(at, true);
  const value = JSON.parse(letters.decode(new Uint8Array(buffer, at + 4, length)));
  return [value, at + Math.ceil((4 + length) / 8) * 8];
}

/** One array, looked at where it lies; of several dimensions, as Plotly wants those. */
function arrayAt(buffer, begins, [dtype, offset, shape]) {
  const count = shape.reduce((product, size) => product * size, 1);
  const array = new NUMBERS[dtype](buffer, begins + offset, count);
  return shape.length === 1 ? array : { dtype, bdata: array.slice().buffer, shape: shape.join(", ") };
}

/** A picture as an address that holds it whole: so it can be saved with its chart. */
function pngAddress(bytes) {
  const signs = [];
  for (let at = 0; at < bytes.length; at += 8192) signs.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return `data:image/png;base64,${btoa(signs.join(""))}`;
}

function withArrays(value, arrays) {
  if (value === null || typeof value !== "object") return value;
  if (value.$ !== undefined) return arrays[value.$];
  for (const key of Object.keys(value)) value[key] = withArrays(value[key], arrays);
  if (value.source instanceof Uint8Array) value.source = addressOf(value.source);
  return value;
}

const addressesBefore = new WeakMap();

function addressOf(picture) {
  if (!addressesBefore.has(picture)) addressesBefore.set(picture, pngAddress(picture));
  return addressesBefore.get(picture);
}

/**
 * A frame: its header, and its parts as [key, revision, part, arrays]. `before(number)` has the arrays by key that the
 * page had when it asked for the frame of that number: those that are needed again are not sent again.
 */
function readFrame(buffer, before) {
  const [header, first] = headed(buffer, 0);
  const known = before(header.n);
  const parts = header.parts.map(([key, revision, at]) => {
    const [{ value, arrays: places }, begins] = headed(buffer, first + at);
    const arrays = places.map((place) => (
      place[1] < 0 ? known.get(key)[-1 - place[1]] : arrayAt(buffer, begins, place)));
    return [key, revision, withArrays(value, arrays), arrays];
  });
  return { header, parts };
}
