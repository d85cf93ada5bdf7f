// Arrays as `app/live_plot/encoding.py` packs them.

const READERS = { u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

const unpackedBefore = new WeakMap();

/** The values of an array as Plotly takes it: plain, typed, or packed, which is unpacked once. */
function unpacked(array) {
  if (!array?.bdata) return array ?? [];
  if (!unpackedBefore.has(array)) {
    const letters = atob(array.bdata);
    const bytes = new Uint8Array(letters.length);
    for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
    unpackedBefore.set(array, new READERS[array.dtype](bytes.buffer));
  }
  return unpackedBefore.get(array);
}
