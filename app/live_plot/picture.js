// The picture: held-out images, what models make of them, the error, and the code at each place; one place in all of them.

const FIELD_GAP = 10;
const LABEL_HEIGHT = 16;
const WIPE_STEP = 0.05;

function added(parent, name, tag = "div") {
  const element = document.createElement(tag);
  element.className = `vq-picture-${name}`;
  parent.append(element);
  return element;
}

class LivePicture {
  constructor(parent) {
    this.parent = parent;
    this.root = added(parent, "root");
    this.bar = added(this.root, "bar");
    this.field = added(this.root, "field");
    this.foot = added(this.root, "foot");
    this.info = added(this.foot, "info", "span");
    this.credit = added(this.foot, "credit", "span");
    this.info.setAttribute("role", "status");
    this.views = []; // what can be seen
    this.off = null; // the keys of the views that the reader has put away; null: as they come
    this.only = null; // the one tile shown; null: all
    this.wipes = this.isLarge = false;
    this.root.addEventListener("fullscreenchange", () => {
      this.isLarge = document.fullscreenElement === this.root;
      this.drawBar();
    });
    this.divider = 0.5;
    this.figures = new Map(); // by key of a view
    this.point = null; // the place under the hand
    this.sizes = new ResizeObserver(() => this.paint());
    this.sizes.observe(this.field);
    this.root.vqPicture = this; // for who watches from outside
  }

  async receive(data, given) {
    this.data = data;
    const number = (this.receiving = (this.receiving ?? 0) + 1);
    this.root.style.height = `${data.height + Math.round((data.grow?.share ?? 0) * Math.max(0, innerHeight - (data.grow?.from ?? 0)))}px`;
    this.root.classList.toggle("vq-late", Boolean(data.late));
    if (data.waiting || !given) {
      this.info.textContent = data.waiting ?? "";
      if (data.waiting) this.field.replaceChildren();
      this.figures.clear();
      return;
    }
    if (given !== this.given) this.original = await imageOf(given.image);
    this.given = given;
    this.tiles = new Tiles(given.tiles, given.places);
    this.scheme = schemeBehind(this.parent);
    const images = await Promise.all(data.variants.map(({ image }) => image && imageOf(image)));
    if (number !== this.receiving) return; // a newer one has come
    this.views = this.viewsOf(data.variants, images);
    this.credit.textContent = given.credit;
    this.credit.title = [given.credit, given.sources].filter(Boolean).join(" ");
    this.drawBar();
    this.paint();
    this.root.dispatchEvent(new CustomEvent("drawn"));
  }

  /** All that can be seen, each with a sheet to draw. */
  viewsOf(variants, images) {
    const [first] = variants;
    const answers = ({ captions, right }) => captions && { captions, right };
    const views = first.captions ? [] : [{ key: "original", label: "original", sheet: this.original, of: 0 }];
    variants.forEach((variant, of) => {
      const sheet = images[of] ?? this.original;
      views.push({ key: `made-${of}`, label: variant.label, sheet, of, answers: answers(variant), colour: variant.colour });
    });
    variants.forEach((variant, of) => {
      if (!variant.codes) return;
      const name = variants.length > 1 && variants.filter(({ codes }) => codes).length > 1 ? ` · ${variant.label}` : "";
      const isHidden = variants.length > 1 || Boolean(first.captions); // what is to be compared, or read
      const colours = coloursOfCodes(this.given.colours, variant.scale, this.scheme);
      const colour = (place) => [...colours.subarray(3 * variant.codes[place], 3 * variant.codes[place] + 3), 255];
      const veil = veilSheet(this.tiles, variant.codes, variant.lit, this.scheme);
      for (const view of views) if (view.of === of) view.veil = veil;
      if (images[of]) {
        const sheet = errorSheet(images[of], this.original, this.scheme);
        views.push({ key: `error-${of}`, label: `error${name}`, chip: "error", sheet, of, veil, isHidden: true });
      }
      const sheet = this.tiles.ofPlaces(colour);
      views.push({ key: `codes-${of}`, label: `codes${name}`, chip: "codes", sheet, of, veil, isHidden });
    });
    return views;
  }

  shown() {
    const off = this.off ?? new Set(this.views.filter(({ isHidden }) => isHidden).map(({ key }) => key));
    const shown = this.views.filter(({ key }) => !off.has(key));
    if (!this.wipes) return shown;
    const pair = (this.pair ?? []).map((key) => this.views.find((view) => view.key === key)).filter(Boolean);
    return pair.length === 2 ? pair : this.views.slice(0, 2);
  }

  // The bar: what is shown.

  drawBar() {
    const shown = new Set(this.shown().map(({ key }) => key));
    const chips = this.chips().map(([label, keys, colour]) => [label, keys.some((key) => shown.has(key)), () => this.toggle(keys), colour]);
    const names = this.given.names;
    const tiles = names.length > 1 ? [["all", this.only === null, () => this.showTile(null)]] : [];
    if (tiles.length) names.forEach((name, i) => tiles.push([name, this.only === i, () => this.showTile(i)]));
    const more = [["large", this.isLarge, () => this.enlarge(!this.isLarge)]];
    if (this.views.length > 1) more.unshift(["wipe", this.wipes, () => this.wipe(!this.wipes)]);
    const groups = [chips, tiles, more].filter((group) => group.length);
    const told = JSON.stringify([groups, this.scheme]);
    if (told === this.toldBar) return;
    this.toldBar = told;
    this.bar.replaceChildren(...groups.map((group) => {
      const box = document.createElement("span");
      box.className = "vq-picture-chips";
      for (const [label, isOn, press, colour] of group) {
        const chip = added(box, "chip", "button");
        Object.assign(chip, { type: "button", textContent: label, onclick: press });
        chip.setAttribute("aria-pressed", String(isOn));
        if (colour) chip.style.color = colourOf(colour, this.scheme, "");
      }
      return box;
    }));
    const save = added(this.bar, "chip", "button");
    Object.assign(save, { type: "button", textContent: "PNG", title: "Save as PNG, at twice the size", onclick: () => this.save() });
  }

  /** One for each view, of errors and of codes one for all variants: a label, the keys of its views, its colour. */
  chips() {
    if (this.wipes) return this.views.map(({ key, label, colour }) => [label, [key], colour]);
    const names = new Map();
    for (const { key, label, chip = label, colour } of this.views) {
      names.set(chip, [chip, [...(names.get(chip)?.[1] ?? []), key], colour]);
    }
    return [...names.values()];
  }

  toggle(keys) {
    const shown = this.shown().map((view) => view.key);
    const isShown = keys.some((key) => shown.includes(key));
    if (this.wipes) {
      if (!isShown) this.pair = [shown[1], keys[0]];
    } else {
      const kept = isShown ? shown.filter((key) => !keys.includes(key)) : [...shown, ...keys];
      if (!kept.length) return;
      this.off = new Set(this.views.map((view) => view.key).filter((other) => !kept.includes(other)));
    }
    this.drawBar();
    this.paint();
  }

  showTile(tile) {
    this.only = tile;
    this.drawBar();
    this.paint();
  }

  wipe(on) {
    if (on) this.pair = this.shown().map(({ key }) => key).slice(0, 2);
    this.wipes = on;
    this.drawBar();
    this.paint();
  }

  /** Over the whole screen, or back into its panel. */
  enlarge(on) {
    if (on) this.root.requestFullscreen?.();
    else document.exitFullscreen?.();
  }

  // Painting.

  paint() {
    if (!this.views.length || !this.field.clientWidth) return;
    const shown = this.shown();
    const field = { width: this.field.clientWidth, height: this.field.clientHeight, gap: FIELD_GAP, label: LABEL_HEIGHT };
    const tiles = this.only === null ? Array.from({ length: this.tiles.count }, (_, i) => i) : [this.only];
    const [placing, across] = largest(this.tiles, tiles, this.wipes ? 1 : shown.length, field, shown.some(({ answers }) => answers));
    this.placing = placing;
    this.field.style.gridTemplateColumns = `repeat(${across}, max-content)`;
    const wanted = this.wipes ? [["wipe", shown]] : shown.map((view) => [view.key, [view]]);
    for (const [key, figure] of this.figures) {
      if (!wanted.some(([other]) => other === key)) {
        figure.remove();
        this.figures.delete(key);
      }
    }
    for (const [key, views] of wanted) {
      if (!this.figures.has(key)) this.figures.set(key, this.newFigure());
      const figure = this.figures.get(key);
      this.field.append(figure); // in order
      this.fill(figure, views);
    }
    this.showPoint(this.point);
  }

  newFigure() {
    const figure = added(this.field, "figure", "figure");
    figure.caption = added(figure, "label", "figcaption");
    figure.canvas = added(figure, "canvas", "canvas");
    figure.canvas.tabIndex = 0;
    figure.canvas.setAttribute("role", "img");
    figure.canvas.onpointermove = (event) => this.follow(event, figure);
    figure.canvas.onpointerleave = () => this.showPoint(null);
    figure.canvas.onpointerdown = (event) => this.press(event, figure);
    figure.canvas.onblur = () => this.showPoint(null);
    figure.canvas.onkeydown = (event) => this.steer(event);
    figure.canvas.ondblclick = () => this.choose([], false, true);
    return figure;
  }

  fill(figure, views, ratio = window.devicePixelRatio) {
    const { canvas } = figure;
    const { width, height } = this.placing;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const name = views.map(({ label }) => label).join(" ↔ ");
    if (figure.caption) figure.caption.textContent = name;
    if (figure.caption) figure.caption.style.color = views.length === 1 && views[0].colour ? colourOf(views[0].colour, this.scheme, "") : "";
    canvas.setAttribute("aria-label", `${name}, ${this.placing.shown.length} images, arrows move from place to place, Enter chooses a code`);
    figure.views = views;
    const brush = canvas.getContext("2d");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (views.length === 1) this.paintView(brush, views[0]);
    else this.paintWipe(brush, views);
    const box = this.point === null ? null : this.placing.boxOf(this.point);
    if (box) this.outline(brush, box, PALETTES[this.scheme].text);
  }

  paintView(brush, { sheet, veil, answers, key, of }) {
    this.placing.paint(brush, sheet);
    if (veil) this.placing.paint(brush, veil);
    if (key.startsWith("codes")) this.paintPins(brush, this.data.variants[of]);
    if (answers) this.placing.captions(brush, answers.captions, answers.right, PALETTES[this.scheme], this.font());
  }

  paintPins(brush, { codes, pins }) {
    for (const [code, pin] of Object.entries(pins ?? {})) {
      codes.forEach((other, place) => {
        const box = other === Number(code) && this.placing.boxOf(place);
        if (box) this.outline(brush, box, PALETTES[this.scheme][`pin${pin}`], 1.5);
      });
    }
  }

  paintWipe(brush, [left, right]) {
    const { width, height } = this.placing;
    const at = this.divider * width;
    for (const [view, from, to] of [[left, 0, at], [right, at, width]]) {
      brush.save();
      brush.beginPath();
      brush.rect(from, 0, to - from, height);
      brush.clip();
      this.paintView(brush, view);
      brush.restore();
    }
    brush.fillStyle = PALETTES[this.scheme].background;
    brush.fillRect(at - 2, 0, 4, height);
    brush.fillStyle = PALETTES[this.scheme].text;
    brush.fillRect(at - 0.75, 0, 1.5, height);
    brush.beginPath();
    brush.arc(at, height / 2, 7, 0, 2 * Math.PI);
    brush.fill();
  }

  outline(brush, [x, y, width, height], colour, line = 2) {
    brush.strokeStyle = PALETTES[this.scheme].background;
    brush.lineWidth = line + 2;
    brush.strokeRect(x, y, width, height);
    brush.strokeStyle = colour;
    brush.lineWidth = line;
    brush.strokeRect(x, y, width, height);
  }

  font() {
    return getComputedStyle(this.parent).fontFamily;
  }

  // The hand.

  follow(event, figure) {
    if (this.wiping) {
      this.divider = Math.min(1, Math.max(0, event.offsetX / this.placing.width));
      this.paint();
      return;
    }
    figure.canvas.style.cursor = this.wipes && this.nearDivider(event) ? "ew-resize" : "crosshair";
    this.showPoint(this.placing.placeAt(event.offsetX, event.offsetY), this.variantUnder(event.offsetX, figure));
  }

  nearDivider({ offsetX }) {
    return Math.abs(offsetX - this.divider * this.placing.width) < 12;
  }

  press(event, figure) {
    if (this.wipes && this.nearDivider(event)) {
      this.wiping = true;
      figure.canvas.setPointerCapture(event.pointerId);
      figure.canvas.onpointerup = () => (this.wiping = false);
      return;
    }
    const place = this.placing.placeAt(event.offsetX, event.offsetY);
    if (place !== null) this.choosePlace(place, event.shiftKey, this.variantUnder(event.offsetX, figure));
  }

  variantUnder(x, { views }) {
    const view = views.length === 2 && x > this.divider * this.placing.width ? views[1] : views[0];
    return this.data.variants[view.of].codes ? view.of : 0;
  }

  steer(event) {
    const { across, rows, perTile } = this.tiles;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    if (this.wipes && event.altKey && event.key in moves) {
      this.divider = Math.min(1, Math.max(0, this.divider + Math.sign(moves[event.key]) * WIPE_STEP));
      this.paint();
    } else if (event.key in moves) {
      const first = this.placing.shown[0] * perTile + Math.floor(rows / 2) * across;
      const place = this.point === null ? first : this.point + moves[event.key];
      if (this.placing.boxOf(place)) this.showPoint(place);
    } else if (event.key === "Enter" && this.point !== null) {
      this.choosePlace(this.point, event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
  }

  choosePlace(place, adds, of = 0) {
    this.choose([this.data.variants[of].codes[place]], adds, false, of);
  }

  choose(codes, adds, clears, of = 0) {
    const ids = codes.length ? { [`Q${this.suffix(of)}`]: codes.map(Number) } : {};
    this.report({ ids, hand: { at: Date.now(), ids, adds, clears } });
  }

  /** What roles of a variant end with on charts that show several. */
  suffix(of) {
    return this.data.several ? String(of) : "";
  }

  /** Marks `place` everywhere; null: nothing. */
  showPoint(place, of = 0) {
    const moved = place !== this.point;
    [this.point, this.pointOf] = [place, of];
    this.askForPlaces(place !== null);
    if (moved) for (const figure of this.figures.values()) this.fill(figure, figure.views);
    this.info.textContent = place === null ? this.data.said : this.words(place, of);
    this.mark();
  }

  /** Says where the places of whole images lie on the map only while a hand is here, as that is more than all else. */
  askForPlaces(wanted) {
    const key = this.data.placesKey;
    if (!key || this.given.isSample || stage.extra.has(key) === wanted) return;
    if (wanted) stage.extra.add(key);
    else stage.extra.delete(key);
    if (wanted) stage.ask?.();
  }

  mark() {
    const [place, of] = [this.point, this.pointOf];
    const codes = place === null ? null : this.data.variants[of]?.codes;
    this.marks ??= new Marks(this.data.charts);
    if (!codes) {
      this.marks.clear();
      return;
    }
    this.marks.show(codes[place], this.given.isSample ? place : null, this.onMap(place), this.suffix(of));
  }

  /** Where a place lies in the map's plane, if that is known of the step shown. */
  onMap(place) {
    const known = stage.parts.get(this.data.placesKey);
    if (!known || known.step !== this.data.variants[0].step) return null;
    return ["x", "y"].map((letter, i) => known.low[i] + (known[letter][place] / known.grid) * (known.high[i] - known.low[i]));
  }

  words(place, of) {
    const [tile, row, column] = this.tiles.whereIs(place);
    const { codes, label } = this.data.variants[of];
    const code = codes[place];
    const uses = codes.reduce((sum, other) => sum + (other === code), 0);
    const name = this.given.names[tile] ?? `input ${tile}`;
    const whose = this.data.several ? ` of ${label}` : "";
    return `${name}, row ${row}, column ${column}: code ${code}${whose}, at ${uses} of ${codes.length} places`;
  }

  // Saving.

  save() {
    const { canvas, text } = this.composed(2);
    pngWith(canvas, { Title: text, Copyright: this.credit.title, Software: "VQ Scope" })
      .then((blob) => saveBlob(blob, `${this.data.fileName}.png`));
  }

  /** What is shown, at `ratio` times its size, with its names and its credit. */
  composed(ratio) {
    const figures = [...this.figures.values()];
    const places = figures.map((figure) => [figure.offsetLeft - this.field.offsetLeft, figure.offsetTop - this.field.offsetTop]);
    const palette = PALETTES[this.scheme];
    const text = `VQ Scope · step ${this.data.step}`;
    const lines = [text, ...wrapped(this.given.credit, Math.max(40, Math.floor(this.field.clientWidth / 5.5)))];
    const canvas = document.createElement("canvas");
    const height = this.field.clientHeight + 14 * lines.length + 6;
    Object.assign(canvas, { width: this.field.clientWidth * ratio, height: height * ratio });
    const brush = canvas.getContext("2d");
    brush.scale(ratio, ratio);
    brush.fillStyle = palette.background;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    figures.forEach((figure, i) => {
      const copy = { canvas: document.createElement("canvas") };
      this.fill(copy, figure.views, ratio);
      brush.fillStyle = palette.muted;
      brush.font = `12px ${this.font()}`;
      brush.fillText(figure.caption.textContent, places[i][0], places[i][1] + 11);
      brush.drawImage(copy.canvas, places[i][0], places[i][1] + LABEL_HEIGHT, this.placing.width, this.placing.height);
    });
    brush.font = `10px ${this.font()}`;
    brush.fillStyle = palette.muted;
    lines.forEach((line, i) => brush.fillText(line, 0, this.field.clientHeight + 14 * (i + 1)));
    return { canvas, text };
  }

  leave() {
    this.sizes.disconnect();
    stage.extra.delete(this.data?.placesKey);
    this.marks?.clear();
    this.root.remove();
  }
}

const imageOf = (bytes) => createImageBitmap(new Blob([bytes]));

/** `text` in lines of at most `most` letters. */
function wrapped(text, most) {
  const lines = [];
  for (const word of text.split(" ").filter(Boolean)) {
    if (lines.length && lines.at(-1).length + word.length < most) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines;
}

const livePictures = new WeakMap();

function mount({ data, parentElement, setStateValue }) {
  if (!livePictures.has(parentElement)) {
    const picture = new LivePicture(parentElement);
    livePictures.set(parentElement, picture);
    picture.left = [
      onStage(data.givenKey, (given) => picture.data && picture.receive(picture.data, given)),
      ...(data.placesKey ? [onStage(data.placesKey, () => picture.point !== null && picture.mark())] : []),
    ];
  }
  const picture = livePictures.get(parentElement);
  picture.report = (selection) => setStateValue("selection", selection);
  picture.receive(data, stage.parts.get(data.givenKey));
  return () => {
    if (parentElement.isConnected || livePictures.get(parentElement) !== picture) return;
    livePictures.delete(parentElement);
    for (const left of picture.left) left();
    picture.leave();
  };
}
