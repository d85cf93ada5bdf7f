// What can be seen of a picture, and what of it its reader has chosen to see. Knows no element.

/** One way to look at the images: `sheet()` is what to draw, `of` the variant that it is of. */
function view(key, label, of, sheet, more = {}) {
  let made;
  return { key, label, of, sheet: () => (made ??= sheet()), ...more };
}

class Views {
  constructor() {
    this.all = [];
    this.off = null; // the keys of those that the reader has put away; null: as they come
    this.only = null; // the one tile shown; null: all
    this.wipes = false;
    this.divider = null; // of a wipe, as a share of its width; null: where it begins
  }

  /** From now on, of these variants, whose outputs are `images`; where a classifier has none, there is its input. */
  take(variants, images, original, given, tiles, scheme) {
    const [first] = variants;
    const many = variants.filter(({ codes }) => codes).length > 1;
    const isHidden = variants.length > 1 || Boolean(first.captions); // behind what is to be compared, or read
    const views = first.captions ? [] : [view("original", "original", 0, () => original)];
    variants.forEach(({ label, colour, captions, right }, of) => {
      const answers = captions && { captions, right };
      views.push(view(`made-${of}`, label, of, () => images[of] ?? original, { answers, colour }));
    });
    variants.forEach((variant, of) => {
      if (!variant.codes) return;
      const whose = many ? ` · ${variant.label}` : "";
      const error = () => errorSheet(images[of], original, scheme);
      if (images[of]) views.push(view(`error-${of}`, `error${whose}`, of, error, { chip: "error", isHidden: true }));
      const codes = () => codeSheet(tiles, variant, given.colours, scheme);
      views.push(view(`codes-${of}`, `codes${whose}`, of, codes, { chip: "codes", isHidden, pins: true }));
      const veil = veilSheet(tiles, variant.codes, variant.lit, scheme);
      for (const each of views) if (each.of === of) each.veil = veil;
    });
    this.all = views;
  }

  /** Those shown; of a wipe the two that it lies between. */
  shown() {
    const off = this.off ?? new Set(this.all.filter(({ isHidden }) => isHidden).map(({ key }) => key));
    const shown = this.all.filter(({ key }) => !off.has(key));
    if (!this.wipes) return shown;
    const pair = (this.pair ?? []).map((key) => this.all.find((each) => each.key === key)).filter(Boolean);
    return pair.length === 2 ? pair : this.all.slice(0, 2);
  }

  /** One for each view, of errors and of codes one for all variants: a label, the keys of its views, its colour. */
  chips() {
    if (this.wipes) return this.all.map(({ key, label, colour }) => [label, [key], colour]);
    const chips = new Map();
    for (const { key, label, chip = label, colour } of this.all) {
      chips.set(chip, [chip, [...(chips.get(chip)?.[1] ?? []), key], colour]);
    }
    return [...chips.values()];
  }

  /** Shows views, or puts them away, but never the last; of a wipe, one takes the place of the elder of its two. */
  toggle(keys) {
    const shown = this.shown().map(({ key }) => key);
    const isShown = keys.some((key) => shown.includes(key));
    if (this.wipes) {
      if (!isShown) this.pair = [shown[1], keys[0]];
      return;
    }
    const kept = isShown ? shown.filter((key) => !keys.includes(key)) : [...shown, ...keys];
    if (kept.length) this.off = new Set(this.all.map(({ key }) => key).filter((key) => !kept.includes(key)));
  }

  wipe(on) {
    if (on) this.pair = this.shown().map(({ key }) => key).slice(0, 2);
    this.wipes = on;
  }

  moveDivider(share) {
    this.divider = Math.min(1, Math.max(0, share));
  }
}

/** The places in the colours of their codes. */
function codeSheet(tiles, { codes, scale }, own, scheme) {
  const colours = coloursOfCodes(own, scale, scheme);
  return tiles.ofPlaces((place) => [...colours.subarray(3 * codes[place], 3 * codes[place] + 3), 255]);
}
