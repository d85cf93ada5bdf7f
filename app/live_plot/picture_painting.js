// Paints images tile by tile: as they are, their error, and the code at each place. Knows no pointer and no element.

const TILE_GAP = 3; // pixels of the screen between two tiles
const LEAST_TILE = 20; // pixels of the screen of a side of an image that can be recognized
const FEWEST_TILES = 6; // shown however small they are
const CAPTION_HEIGHT = 13;
const CAPTION_WIDTH = 78; // of an answer with its probability and the truth
const ERROR_STOPS = ["background", "scale1", "scale2", "scale3", "scale4"];
const LARGEST_ERROR = 0.5; // of the range of a pixel: from there on an error has the last colour
const VEIL = 0.78; // how much of the background lies over a place that is not chosen

/** A colour scale as 256 times red, green and blue; `stops` are pairs of a place from 0 to 1 and a CSS colour. */
function rampOf(stops) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 256, height: 1 });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const gradient = brush.createLinearGradient(0, 0, 256, 0);
  for (const [place, colour] of stops) gradient.addColorStop(place, colour);
  brush.fillStyle = gradient;
  brush.fillRect(0, 0, 256, 1);
  return brush.getImageData(0, 0, 256, 1).data;
}

/** Red, green and blue of each code, one after the other: its own colour, or that of its value on the map. */
function coloursOfCodes(own, scale, scheme) {
  if (!scale) return own;
  const ramp = rampOf(scale.stops.map(([place, colour]) => [place, colourOf(colour, scheme, "")]));
  const shades = Array.from(scale.places, (place) => 4 * Math.round(255 * Math.min(1, Math.max(0, place))));
  return Uint8Array.from(shades.flatMap((at) => [ramp[at], ramp[at + 1], ramp[at + 2]]));
}

/** Pixels by number, (width · height · 4), as something that can be drawn. */
function canvasOf(pixels, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

/** The pixels of an image as if it were of this size: one in little room is sent smaller than its original. */
function pixelsOf(image, { width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  brush.drawImage(image, 0, 0, width, height);
  return brush.getImageData(0, 0, width, height).data;
}

/** How the images lie: on a sheet without gaps, and on each of them the places of the codes. */
class Tiles {
  constructor({ count, columns, width, height }, [rows, across]) {
    Object.assign(this, { count, columns, width, height, rows, across, perTile: rows * across });
  }

  /** The sheet of all codes' places, as bytes (…, 4), with `colour(place)` at each. */
  ofPlaces(colour) {
    const lines = Math.ceil(this.count / this.columns) * this.rows;
    const wide = this.columns * this.across;
    const pixels = new Uint8ClampedArray(4 * wide * lines);
    for (let place = 0; place < this.count * this.perTile; place += 1) {
      const [tile, within] = [Math.floor(place / this.perTile), place % this.perTile];
      const x = (tile % this.columns) * this.across + (within % this.across);
      const y = Math.floor(tile / this.columns) * this.rows + Math.floor(within / this.across);
      pixels.set(colour(place), 4 * (y * wide + x));
    }
    return canvasOf(pixels, wide, lines);
  }

  /** Where `place` lies: its tile, and its row and column on it. */
  whereIs(place) {
    const within = place % this.perTile;
    return [Math.floor(place / this.perTile), Math.floor(within / this.across), within % this.across];
  }
}

/** The mean over colours of |image − given|, as colours on a scale that ends at half the range of a pixel. */
function errorSheet(image, given, scheme) {
  const ramp = rampOf(ERROR_STOPS.map((role, i) => [i / (ERROR_STOPS.length - 1), PALETTES[scheme][role]]));
  const [one, other] = [pixelsOf(image, given), pixelsOf(given, given)];
  const pixels = new Uint8ClampedArray(one.length);
  for (let at = 0; at < one.length; at += 4) {
    let apart = 0;
    for (let part = 0; part < 3; part += 1) apart += Math.abs(one[at + part] - other[at + part]);
    const shade = 4 * Math.min(255, Math.round(apart / 3 / LARGEST_ERROR));
    pixels.set([ramp[shade], ramp[shade + 1], ramp[shade + 2], 255], at);
  }
  return canvasOf(pixels, given.width, given.height);
}

/** A sheet of what lies over places that are not chosen; null where none is chosen. */
function veilSheet(tiles, codes, lit, scheme) {
  if (!lit) return null;
  const [chosen, background] = [new Set(lit), channels(PALETTES[scheme].background)];
  return tiles.ofPlaces((place) => [...background, chosen.has(codes[place]) ? 0 : Math.round(255 * VEIL)]);
}

/** Where the tiles of `shown` lie in a view with these columns, at `scale` pixels of the screen a pixel. */
class Placing {
  /** `hasCaptions` is how wide a caption may be; 0: there are none. */
  constructor(tiles, shown, columns, scale, hasCaptions) {
    Object.assign(this, { tiles, shown, columns, scale, below: hasCaptions ? CAPTION_HEIGHT : 0 });
    this.wide = tiles.width * scale;
    this.high = tiles.height * scale;
    this.cell = Math.max(this.wide, hasCaptions); // of a tile with its caption
    const rows = Math.ceil(shown.length / columns);
    this.width = columns * (this.cell + TILE_GAP) - TILE_GAP;
    this.height = rows * (this.high + this.below + TILE_GAP) - TILE_GAP;
  }

  /** As a share of the width, the middle of the tile in the middle: on a seam a divider would part nothing. */
  get middle() {
    return (Math.floor((this.columns - 1) / 2) + 0.5) / this.columns;
  }

  corner(order) {
    const down = this.high + this.below + TILE_GAP;
    const left = (order % this.columns) * (this.cell + TILE_GAP) + (this.cell - this.wide) / 2;
    return [left, Math.floor(order / this.columns) * down];
  }

  /** The place at a point of the view; null beside all tiles. */
  placeAt(x, y) {
    const { tiles } = this;
    const column = Math.floor(x / (this.cell + TILE_GAP));
    const row = Math.floor(y / (this.high + this.below + TILE_GAP));
    const order = row * this.columns + column;
    if (x < 0 || y < 0 || column >= this.columns || order >= this.shown.length) return null;
    const [left, top] = this.corner(order);
    const across = Math.floor(((x - left) / this.wide) * tiles.across);
    const down = Math.floor(((y - top) / this.high) * tiles.rows);
    if (across < 0 || across >= tiles.across || down >= tiles.rows) return null;
    return this.shown[order] * tiles.perTile + down * tiles.across + across;
  }

  /** Left, top, width and height of a place in the view; null where its tile is not shown. */
  boxOf(place) {
    const { tiles } = this;
    const [tile, row, column] = tiles.whereIs(place);
    const order = this.shown.indexOf(tile);
    if (order < 0) return null;
    const [left, top] = this.corner(order);
    const [width, height] = [this.wide / tiles.across, this.high / tiles.rows];
    return [left + column * width, top + row * height, width, height];
  }

  /** Draws a sheet, whatever its resolution, tile by tile. */
  paint(brush, sheet) {
    const { tiles } = this;
    const [wide, high] = [sheet.width / tiles.columns, sheet.height / Math.ceil(tiles.count / tiles.columns)];
    this.shown.forEach((tile, order) => {
      const [left, top] = this.corner(order);
      const from = [(tile % tiles.columns) * wide, Math.floor(tile / tiles.columns) * high];
      brush.imageSmoothingEnabled = wide > this.wide * window.devicePixelRatio;
      brush.drawImage(sheet, ...from, wide, high, left, top, this.wide, this.high);
    });
  }

  captions(brush, captions, right, palette, font) {
    brush.font = `11px ${font}`;
    brush.textAlign = "center";
    this.shown.forEach((tile, order) => {
      const [left, top] = this.corner(order);
      const isRight = right[tile];
      brush.fillStyle = isRight ? palette.good : palette.bad;
      const text = `${isRight ? "✓" : "✗"} ${captions[tile]}`;
      brush.fillText(text, left + this.wide / 2, top + this.high + CAPTION_HEIGHT - 3, this.cell);
      if (isRight) return;
      brush.strokeStyle = palette.bad;
      brush.lineWidth = 1.5;
      brush.strokeRect(left + 0.75, top + 0.75, this.wide - 1.5, this.high - 1.5);
    });
  }
}

/** As `largest`, of as many tiles as can be recognized: the first ones, or `all` of them. */
function recognizable(tiles, all, count, field, hasCaptions) {
  let found = largest(tiles, all, tiles.columns, count, field, hasCaptions);
  for (let shown = all; found[0].high < LEAST_TILE && shown.length > FEWEST_TILES && !hasCaptions; ) {
    shown = shown.slice(0, Math.max(FEWEST_TILES, Math.ceil(shown.length / 2)));
    found = null;
    for (let columns = 1; columns <= Math.min(shown.length, tiles.columns); columns += 1) {
      const tried = largest(tiles, shown, columns, count, field, hasCaptions);
      if (!found || tried[0].scale > found[0].scale) found = tried;
    }
  }
  return found;
}

/** The placing of `count` views in a field that shows the tiles largest, and how many views stand in a row. */
function largest(tiles, shown, most, count, field, hasCaptions) {
  const columns = Math.min(shown.length, most);
  const rows = Math.ceil(shown.length / columns);
  let best = null;
  for (let across = 1; across <= count; across += 1) {
    const down = Math.ceil(count / across);
    const width = (field.width - field.gap * (across - 1)) / across - TILE_GAP * (columns - 1);
    const high = (hasCaptions ? CAPTION_HEIGHT : 0) * rows + TILE_GAP * (rows - 1);
    const height = (field.height - field.gap * (down - 1)) / down - field.label - high;
    const scale = Math.min(width / (columns * tiles.width), height / (rows * tiles.height));
    const caption = hasCaptions ? Math.min(CAPTION_WIDTH, width / columns) : 0;
    const good = scale * (hasCaptions ? caption / CAPTION_WIDTH : 1); // words that are pressed cannot be read
    if (!best || good > best.good) best = { scale, across, caption, good };
  }
  return [new Placing(tiles, shown, columns, Math.max(best.scale, 0.05), best.caption), best.across];
}
