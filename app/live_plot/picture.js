// The picture: held-out images, what models make of them, the error, and the codes; one place shown in all of them.

const FIELD_GAP = 10;
const LABEL_HEIGHT = 16;

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
    const foot = added(this.root, "foot");
    this.info = added(foot, "info", "span");
    this.info.setAttribute("role", "status");
    this.credit = added(foot, "credit", "span");
    this.views = new Views();
    this.hand = new PictureHand(this);
    this.figures = new Map(); // by key of a view
    this.point = null; // the place under the hand
    this.pointOf = 0; // the variant whose code it is
    this.number = 0; // of what was received last
    this.leavesOut = false; // whether some images would be too small, and only the first are shown
    this.sizes = new ResizeObserver(() => {
      if (this.sent) this.stand(); // a wider window is often a higher one too
      this.paint();
    });
    this.sizes.observe(this.field);
    this.root.addEventListener("fullscreenchange", () => this.drawBar());
    this.root.vqPicture = this; // for who watches from outside
  }

  /** What moves, and what stands still, which may come later: nothing is shown before both are there. */
  async receive(sent, given) {
    this.sent = sent;
    this.number += 1;
    const { number } = this;
    this.stand();
    if (this.data && this.data.run !== sent.run) this.fade(); // decoding takes a while, and this is of another run
    if (sent.waiting || !given) {
      this.info.textContent = sent.waiting ?? "";
      if (sent.waiting) this.empty();
      return;
    }
    const original = given === this.given ? this.original : await imageOf(given.image);
    const variants = sent.variants.map((variant) => ({ ...variant, codes: codesFrom(variant.codes) }));
    const images = await Promise.all(sent.variants.map(({ image }) => image && imageOf(image)));
    if (number !== this.number) return; // a newer one has come
    if (given !== this.given || !sent.variants[this.pointOf]?.codes) [this.point, this.pointOf] = [null, 0];
    Object.assign(this, { data: { ...sent, variants }, given, original, scheme: schemeBehind(this.parent) });
    this.tiles = new Tiles(given.tiles, given.places);
    this.views.take(variants, images, original, given, this.tiles, this.scheme);
    this.root.classList.toggle("vq-late", Boolean(sent.late));
    this.credit.textContent = given.credit;
    this.credit.title = [given.credit, given.sources].filter(Boolean).join(" ");
    this.drawBar();
    this.paint();
    this.root.dispatchEvent(new CustomEvent("drawn"));
  }

  fade() {
    this.root.classList.add("vq-late");
    this.info.textContent = this.info.title = "";
  }

  /** As high as the window allows. */
  stand() {
    const { height, grow } = this.sent;
    const { from, share, gives } = grow ?? { from: 0, share: 0, gives: 0 };
    const taller = Math.max(share * (window.innerHeight - from), -gives);
    this.root.style.height = `${height + Math.round(taller)}px`;
  }

  empty() {
    this.views.all = [];
    this.field.replaceChildren();
    this.figures.clear();
  }

  // The bar: what is shown.

  drawBar() {
    const { views } = this;
    const shown = new Set(views.shown().map(({ key }) => key));
    const isLarge = document.fullscreenElement === this.root;
    const chips = views.chips().map(([label, keys, colour]) =>
      [label, keys.some((key) => shown.has(key)), () => views.toggle(keys), colour]);
    const names = this.given.names.length > 1 ? ["all", ...this.given.names] : [];
    const tiles = names.map((name, i) => {
      const only = i === 0 ? null : i - 1;
      return [name, views.only === only, () => (views.only = only)];
    });
    const all = this.leavesOut ? `all ${this.tiles.count}, ` : "";
    const more = [[`${all}large`, isLarge, () => this.enlarge(!isLarge)]];
    if (views.all.length > 1) more.unshift(["wipe", views.wipes, () => views.wipe(!views.wipes)]);
    const groups = [chips, tiles, more].filter((group) => group.length);
    const told = JSON.stringify([groups, this.scheme]);
    if (told === this.toldBar) return;
    this.toldBar = told;
    this.bar.replaceChildren(...groups.map((group) => this.chipsOf(group)));
    const save = added(this.bar, "chip", "button");
    save.title = "Save as PNG, at twice the size";
    Object.assign(save, { type: "button", textContent: "PNG", onclick: () => savePicture(this) });
  }

  chipsOf(group) {
    const box = document.createElement("span");
    box.className = "vq-picture-chips";
    for (const [label, isOn, press, colour] of group) {
      const chip = added(box, "chip", "button");
      const onclick = () => {
        press();
        this.drawBar();
        this.paint();
      };
      Object.assign(chip, { type: "button", textContent: label, onclick });
      chip.setAttribute("aria-pressed", String(isOn));
      if (colour) chip.style.color = colourOf(colour, this.scheme, "");
    }
    return box;
  }

  /** Over the whole screen, or back into its panel. */
  enlarge(on) {
    if (on) this.root.requestFullscreen?.();
    else document.exitFullscreen?.();
  }

  // Painting.

  paint() {
    const { clientWidth: width, clientHeight: height } = this.field;
    const { wipes, only } = this.views;
    const shown = this.views.shown();
    if (!shown.length || !width) return;
    const tiles = only === null ? Array.from({ length: this.tiles.count }, (_, i) => i) : [only];
    const field = { width, height, gap: FIELD_GAP, label: LABEL_HEIGHT };
    const hasCaptions = shown.some(({ answers }) => answers);
    const [placing, across] = recognizable(this.tiles, tiles, wipes ? 1 : shown.length, field, hasCaptions);
    this.placing = placing;
    if (wipes) this.views.divider ??= placing.middle;
    this.leavesOut = placing.shown.length < tiles.length;
    this.drawBar();
    this.field.style.gridTemplateColumns = `repeat(${across}, max-content)`;
    const wanted = new Map(wipes ? [["wipe", shown]] : shown.map((each) => [each.key, [each]]));
    for (const [key, figure] of this.figures) {
      if (wanted.has(key)) continue;
      figure.remove();
      this.figures.delete(key);
    }
    for (const [key, views] of wanted) {
      if (!this.figures.has(key)) this.figures.set(key, this.newFigure());
      this.fill(this.figures.get(key), views);
    }
    const figures = [...wanted.keys()].map((key) => this.figures.get(key));
    const isInOrder = figures.every((figure, i) => this.field.children[i] === figure);
    if (!isInOrder) this.field.append(...figures); // else one would lose the reader's focus
    this.showPoint(this.point, this.pointOf);
  }

  newFigure() {
    const figure = added(this.field, "figure", "figure");
    figure.caption = added(figure, "label", "figcaption");
    figure.canvas = added(figure, "canvas", "canvas");
    figure.canvas.setAttribute("role", "img");
    this.hand.hear(figure);
    return figure;
  }

  fill(figure, views) {
    const name = views.map(({ label }) => label).join(" ↔ ");
    figure.views = views;
    figure.caption.textContent = name;
    const colour = views.length === 1 && views[0].colour;
    figure.caption.style.color = colour ? colourOf(colour, this.scheme, "") : "";
    const help = "arrows move from place to place, Enter chooses a code";
    figure.canvas.setAttribute("aria-label", `${name}, ${this.placing.shown.length} images, ${help}`);
    this.paintOn(figure.canvas, views, window.devicePixelRatio);
  }

  /** Views on a canvas of as many of its pixels to one of the page as `ratio` says; two as a wipe. */
  paintOn(canvas, views, ratio) {
    const { width, height } = this.placing;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const brush = canvas.getContext("2d");
    brush.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (views.length === 1) this.paintView(brush, views[0]);
    else this.paintWipe(brush, views);
    const box = this.point === null ? null : this.placing.boxOf(this.point);
    if (box) this.outline(brush, box, PALETTES[this.scheme].text);
  }

  paintView(brush, { sheet, veil, answers, pins, of }) {
    this.placing.paint(brush, sheet());
    if (veil) this.placing.paint(brush, veil);
    if (pins) this.paintPins(brush, this.data.variants[of]);
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
    const { text, background } = PALETTES[this.scheme];
    const at = this.views.divider * width;
    for (const [each, from, to] of [[left, 0, at], [right, at, width]]) {
      brush.save();
      brush.beginPath();
      brush.rect(from, 0, to - from, height);
      brush.clip();
      this.paintView(brush, each);
      brush.restore();
    }
    brush.fillStyle = background;
    brush.fillRect(at - 2, 0, 4, height);
    brush.fillStyle = text;
    brush.fillRect(at - 0.75, 0, 1.5, height);
    brush.beginPath();
    brush.arc(at, height / 2, 7, 0, 2 * Math.PI);
    brush.fill();
  }

  outline(brush, box, colour, line = 2) {
    for (const [stroke, width] of [[PALETTES[this.scheme].background, line + 2], [colour, line]]) {
      Object.assign(brush, { strokeStyle: stroke, lineWidth: width });
      brush.strokeRect(...box);
    }
  }

  font() {
    return getComputedStyle(this.parent).fontFamily;
  }

  // One place in all views, and in the other charts.

  choosePlace(place, of = 0, adds = false) {
    this.choose([this.data.variants[of].codes[place]], { of, adds });
  }

  choose(codes, { of = 0, adds = false, clears = false }) {
    const ids = codes.length ? { [`Q${this.suffix(of)}`]: codes.map(Number) } : {};
    this.report({ ids, hand: { at: Date.now(), ids, adds, clears } });
  }

  /** What roles of a variant end with on charts that show several. */
  suffix(of) {
    return this.data.several ? String(of) : "";
  }

  /** Marks `place` with its code in variant `of` everywhere; null: nothing. */
  showPoint(place, of = 0) {
    const hasMoved = place !== this.point;
    [this.point, this.pointOf] = [place, of];
    this.askForPlaces(place !== null);
    if (hasMoved) for (const figure of this.figures.values()) this.fill(figure, figure.views);
    this.info.textContent = this.info.title = place === null ? this.said() : this.words(place, of);
    this.mark();
  }

  /** Has the server tell where places of whole images lie on the map, while a hand is here: all else is smaller. */
  askForPlaces(wanted) {
    const { placesKey: key } = this.data;
    if (!key || this.given.isSample || stage.extra.has(key) === wanted) return;
    if (!wanted) {
      stage.extra.delete(key);
      return;
    }
    stage.extra.add(key);
    stage.ask?.();
  }

  mark() {
    this.marks ??= new Marks(this.data.charts);
    if (this.point === null) {
      this.marks.clear();
      return;
    }
    const code = this.data.variants[this.pointOf].codes[this.point];
    const vector = this.given.isSample ? this.point : null;
    this.marks.show(code, vector, this.onMap(this.point), this.suffix(this.pointOf));
  }

  /** Where a place lies in the map's plane, if that is known of the step shown. */
  onMap(place) {
    const known = stage.parts.get(this.data.placesKey);
    if (!known || known.step !== this.data.variants[0].step) return null;
    const along = (steps, low, high) => low + (steps[place] / known.grid) * (high - low);
    return [along(known.x, known.low[0], known.high[0]), along(known.y, known.low[1], known.high[1])];
  }

  said() {
    const [images, size] = this.data.said;
    return `${images}${this.leavesOut ? ` (the first ${this.placing.shown.length} drawn)` : ""}${size}`;
  }

  words(place, of) {
    const [tile, row, column] = this.tiles.whereIs(place);
    const { codes, label } = this.data.variants[of];
    const code = codes[place];
    const uses = codes.reduce((sum, other) => sum + (other === code), 0);
    const name = this.given.names[tile] ?? `input ${tile}`;
    const whose = this.data.several ? ` of ${label}` : "";
    const share = `${uses.toLocaleString("en")} of ${codes.length.toLocaleString("en")} places`;
    return `${name}, row ${row}, column ${column}: code ${code}${whose}, at ${share}`;
  }

  leave() {
    this.sizes.disconnect();
    stage.extra.delete(this.data?.placesKey);
    this.marks?.clear();
    this.root.remove();
  }
}

/** Codes whose bits lie one after the other, the lowest first, as numbers; others as they are. */
function codesFrom(codes) {
  if (!codes?.packed) return codes;
  const { bits, count, packed } = codes;
  const bitAt = (at) => (packed[at >> 3] >> (at & 7)) & 1;
  return Uint32Array.from({ length: count }, (_, i) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit += 1) code |= bitAt(i * bits + bit) << bit;
    return code;
  });
}

const imageOf = (bytes) => createImageBitmap(new Blob([bytes]));
const livePictures = new WeakMap();

function mount({ data, parentElement, setStateValue }) {
  if (!livePictures.has(parentElement)) {
    const picture = new LivePicture(parentElement);
    livePictures.set(parentElement, picture);
    picture.left = [
      onStage(data.givenKey, (given) => picture.sent && picture.receive(picture.sent, given)),
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
