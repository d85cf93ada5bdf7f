// Making elements, and saving a drawing as a file.

const SVG = "http://www.w3.org/2000/svg";

/** A new element inside `parent`; an SVG one where the parent is one. */
function make(parent, name, attributes = {}, text) {
  const inSvg = name === "svg" || parent.namespaceURI === SVG;
  const element = inSvg ? document.createElementNS(SVG, name) : document.createElement(name);
  set(element, attributes);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

/** Attributes that differ are set: what stays the same costs the browser nothing, and asking it would cost. */
function set(element, attributes) {
  element.vqSet ??= {};
  for (const name in attributes) {
    if (element.vqSet[name] === attributes[name]) continue;
    element.vqSet[name] = attributes[name];
    element.setAttribute(name, attributes[name]);
  }
}

function write(element, text) {
  if (element.vqText === text) return;
  element.vqText = element.textContent = text;
}

/** One SVG file of several drawings laid over each other, every colour written out as it is on this page. */
function standaloneSvg(node, drawings, width, height) {
  const style = getComputedStyle(node);
  const probe = make(node, "span");
  const resolved = new Map();
  const colour = (variable) => {
    if (!resolved.has(variable)) {
      probe.style.color = variable;
      resolved.set(variable, getComputedStyle(probe).color);
    }
    return resolved.get(variable);
  };
  const inner = drawings.map((drawing) => drawing.innerHTML).join("");
  const written = inner.replace(/var\(--vq-\w+\)/g, colour);
  const background = colour("var(--vq-background)");
  probe.remove();
  const font = style.fontFamily.replaceAll('"', "'");
  return (
    `<svg xmlns="${SVG}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="${font}" font-size="12"><rect width="100%" height="100%" fill="${background}"/>${written}</svg>`
  );
}

function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function pngOf(svg, width, height) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * width, 2 * height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
