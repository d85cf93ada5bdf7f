// Arrays as they come: by the road of live data as they are, in the script's JSON as `app/live_plot/encoding.py` has them.

const READERS = { u1: Uint8Array, i2: Int16Array, i4: Int32Array, f4: Float32Array, f8: Float64Array };

const unpackedBefore = new WeakMap();

/** The values of an array as Plotly takes it: plain, typed, or packed, which is unpacked once. */
function unpacked(array) {
  if (!array?.bdata) return array ?? [];
  if (!unpackedBefore.has(array)) unpackedBefore.set(array, new READERS[array.dtype](bytesOf(array.bdata)));
  return unpackedBefore.get(array);
}

function bytesOf(data) {
  if (data instanceof ArrayBuffer) return data;
  const letters = atob(data);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  return bytes.buffer;
}
