// One code's card: made once, then only its text, its lines and its pictures change.

const SECTIONS = ["used", "decoded", "nearest"];

function child(parent, name, tag = "div") {
  const element = document.createElement(tag);
  element.className = `vq-card-${name}`;
  parent.append(element);
  return element;
}

/** As many children as there are items, each made by `make` when first needed. */
function matched(parent, items, make) {
  while (parent.children.length > items.length) parent.lastChild.remove();
  while (parent.children.length < items.length) make();
  return [...parent.children];
}

function newFact(parent) {
  const fact = child(parent, "fact");
  fact.parts = { label: child(fact, "label", "span"), line: child(fact, "line", "span") };
  for (const name of ["value", "note"]) fact.parts[name] = child(fact.parts.line, name, "span");
  fact.parts.spark = sparkLine(fact.parts.line);
}

function fillFact(fact, data, colour) {
  for (const name of ["label", "value", "note"]) write(fact.parts[name], data[name]);
  fact.parts.spark.setAttribute("d", data.past.length > 1 ? sparkPath(data.past) : "");
  fact.parts.spark.setAttribute("stroke", colour);
  fact.title = data.meaning;
}

function newPicture(parent) {
  const picture = child(parent, "picture", "figure");
  const sheet = child(picture, "sheet");
  picture.parts = { sheet, image: child(sheet, "image", "img"), frame: child(sheet, "frame") };
  picture.parts.words = child(sheet, "words", "span");
  picture.parts.caption = child(picture, "caption", "figcaption");
}

function fillPicture(picture, { caption, image, words, frame }) {
  const { parts } = picture;
  parts.image.hidden = !image;
  if (image && parts.image.src !== image) parts.image.src = image;
  parts.image.alt = caption;
  write(parts.words, words);
  write(parts.caption, caption);
  parts.frame.hidden = !frame;
  if (frame) ["left", "top", "width", "height"].forEach((side, i) => (parts.frame.style[side] = `${frame[i]}%`));
}

function newCard(parent) {
  const card = document.createElement("div");
  card.className = "vq-card";
  parent.append(card);
  card.facts = child(card, "facts");
  card.codes = child(card, "codes");
  child(card.codes, "title", "span").textContent = "nearest codes";
  card.chips = child(card.codes, "chips", "span");
  const sections = child(card, "sections");
  for (const name of SECTIONS) {
    const section = child(sections, "section");
    section.classList.add(`vq-card-${name}`);
    card[name] = { section, title: child(section, "title"), row: child(section, "row") };
  }
  return card;
}

function mount({ data, parentElement, setStateValue }) {
  const card = parentElement.querySelector(".vq-card") ?? newCard(parentElement);
  card.style.height = `${data.height}px`;
  const colour = colourOf(data.sparkColour, schemeBehind(parentElement), "");
  matched(card.facts, data.facts, () => newFact(card.facts)).forEach((fact, i) => fillFact(fact, data.facts[i], colour));
  const chips = matched(card.chips, data.neighbours, () => child(card.chips, "chip", "button"));
  chips.forEach((chip, i) => {
    const [code, distance] = data.neighbours[i];
    write(chip, `${code} · ${distance}`);
    chip.title = `Go to code ${code}, at distance ${distance}`;
    chip.onclick = () => {
      const ids = { Q: [code] };
      setStateValue("selection", { ids, hand: { at: Date.now(), ids, adds: false, clears: false } });
    };
  });
  card.decoded.section.classList.toggle("vq-late", data.decoded_is_late);
  for (const name of SECTIONS) {
    card[name].section.hidden = !data[name].length && !data[`${name}_note`];
    write(card[name].title, data[`${name}_note`]);
    const pictures = matched(card[name].row, data[name], () => newPicture(card[name].row));
    pictures.forEach((picture, i) => fillPicture(picture, data[name][i]));
  }
}
