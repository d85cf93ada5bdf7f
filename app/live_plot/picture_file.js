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

const MARGIN = 8; // pixels of the page around what is saved
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

/** Saves what a `LivePicture` shows, at twice its size. */
async function savePicture(picture) {
  const text = `VQ Scope · step ${picture.data.step}`;
  const canvas = composed(picture, text, 2);
  const file = await pngWith(canvas, { Title: text, Copyright: picture.credit.title, Software: "VQ Scope" });
  saveBlob(file, `${picture.data.fileName}.png`);
}

/** What is shown, with its names and below it `text` and the credit. */
function composed(picture, text, ratio) {
  const { field, scheme } = picture;
  const { background, muted } = PALETTES[scheme];
  const lines = [text, ...wrapped(picture.given.credit, Math.max(40, Math.floor(field.clientWidth / 5.5)))];
  const canvas = document.createElement("canvas");
  const [width, height] = [field.clientWidth + 2 * MARGIN, field.clientHeight + 14 * lines.length + 2 * MARGIN];
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const brush = canvas.getContext("2d");
  brush.scale(ratio, ratio);
  brush.fillStyle = background;
  brush.fillRect(0, 0, width, height);
  brush.translate(MARGIN, MARGIN);
  brush.fillStyle = muted;
  brush.font = `12px ${picture.font()}`;
  for (const figure of picture.figures.values()) {
    const [left, top] = [figure.offsetLeft, figure.offsetTop]; // the field is what they are placed in
    const copy = document.createElement("canvas");
    picture.paintOn(copy, figure.views, ratio);
    brush.fillText(figure.caption.textContent, left, top + 11);
    brush.drawImage(copy, left, top + LABEL_HEIGHT, picture.placing.width, picture.placing.height);
  }
  brush.font = `10px ${picture.font()}`;
  lines.forEach((line, i) => brush.fillText(line, 0, field.clientHeight + 14 * (i + 1)));
  return canvas;
}

/** `text` in lines of at most `most` letters. */
function wrapped(text, most) {
  const lines = [];
  for (const word of text.split(" ").filter(Boolean)) {
    if (lines.length && lines.at(-1).length + word.length < most) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}
