// A row of headline numbers: made once, then only their text and their lines change.

/** Text in which only <sub> and <sup> are markup; built from text nodes, so nothing else can be. */
function label(text) {
  return text.split(/(<su[bp]>[^<]*<\/su[bp]>)/).map((part) => {
    const found = /^<(su[bp])>([^<]*)<\/su[bp]>$/.exec(part);
    if (!found) return document.createTextNode(part);
    const raised = document.createElement(found[1]);
    raised.textContent = found[2];
    return raised;
  });
}

function part(tile, name) {
  const element = document.createElement("span");
  element.className = `vq-tile-${name}`;
  tile.append(element);
  return element;
}

function newTile() {
  const tile = document.createElement("div");
  tile.className = "vq-tile";
  tile.setAttribute("role", "group");
  tile.parts = { label: part(tile, "label"), line: part(tile, "line") };
  for (const name of ["value", "of", "note"]) tile.parts[name] = part(tile.parts.line, name);
  tile.parts.spark = sparkLine(tile);
  return tile;
}

function fill(tile, data, scheme) {
  if (tile.label !== data.label) tile.parts.label.replaceChildren(...label(data.label));
  tile.label = data.label;
  for (const name of ["value", "of", "note"]) write(tile.parts[name], data[name]);
  tile.parts.spark.setAttribute("d", sparkPath(data.past));
  tile.parts.spark.setAttribute("stroke", colourOf(data.colour, scheme, ""));
  tile.title = data.note ? `${data.note}. ${data.meaning}` : data.meaning;
  const note = data.note && `, ${data.note}`;
  const words = `${tile.parts.label.textContent}: ${data.value} ${data.of}`.trim();
  tile.setAttribute("aria-label", `${words}${note}. ${data.meaning}`);
}

function newRow(parent) {
  const outer = document.createElement("div"); // the grid folds by this one's width
  outer.className = "vq-tiles";
  const row = document.createElement("div");
  row.className = "vq-tiles-row";
  outer.append(row);
  parent.append(outer);
  return row;
}

function mount({ data, parentElement }) {
  const row = parentElement.querySelector(".vq-tiles-row") ?? newRow(parentElement);
  while (row.children.length > data.tiles.length) row.lastChild.remove();
  while (row.children.length < data.tiles.length) row.append(newTile());
  row.style.setProperty("--vq-columns", data.tiles.length);
  row.style.setProperty("--vq-half", Math.ceil(data.tiles.length / 2));
  const scheme = schemeBehind(parentElement);
  data.tiles.forEach((tile, index) => fill(row.children[index], tile, scheme));
}
