// A canvas as a PNG file that says inside whose images it shows.

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function crcOf(bytes) {
  return ~bytes.reduce((crc, byte) => CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8), -1) >>> 0;
}

/** A chunk of a PNG that holds a text by its keyword; iTXt, which is UTF-8. */
function textChunk(keyword, text) {
  const body = new TextEncoder().encode(`iTXt${keyword}\0\0\0\0\0${text}`);
  const chunk = new Uint8Array(body.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, body.length - 4);
  chunk.set(body, 4);
  view.setUint32(body.length + 4, crcOf(body));
  return chunk;
}

const AFTER_HEADER = 33; // bytes of a PNG's signature and first chunk

/** The PNG of `canvas` with `texts` inside, by keyword. */
async function pngWith(canvas, texts) {
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const chunks = Object.entries(texts).filter(([, text]) => text).map(([keyword, text]) => textChunk(keyword, text));
  return new Blob([bytes.slice(0, AFTER_HEADER), ...chunks, bytes.slice(AFTER_HEADER)], { type: "image/png" });
}

function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
