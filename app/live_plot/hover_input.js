// While a hand is on a vector of the map: the input that the vector comes from, with its place there. The inputs come
// once a run, as one picture, and only after a hand has come near.

const THUMBNAIL = 72; // px
const AWAY = 8; // px from the chart's edges

class HoverInput {
  constructor(plot, key) {
    this.key = key;
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas, { className: "vq-hover-input", width: THUMBNAIL, height: THUMBNAIL, hidden: true });
    plot.append(this.canvas);
    this.left = onStage(key, (part) => this.receive(part));
  }

  near() {
    if (stage.extra.has(this.key)) return;
    stage.extra.add(this.key);
    stage.ask?.();
  }

  away() {
    stage.extra.delete(this.key);
    this.hide();
  }

  async receive(part) {
    this.sheet = null;
    const sheet = await createImageBitmap(new Blob([part.image]));
    Object.assign(this, { part, sheet });
    if (this.pointed) this.show(...this.pointed); // a hand that rests on a vector waits for it
  }

  /** Of vector number `vector`, in the upper corner of the chart that is not under the hand. */
  show(vector, isLeft) {
    this.pointed = [vector, isLeft];
    const { count, columns, height, width, places: [rows, across] } = this.part ?? { places: [1, 1] };
    const [given, place] = [Math.floor(vector / (rows * across)), vector % (rows * across)];
    this.canvas.hidden = !this.sheet || given >= count;
    if (this.canvas.hidden) return;
    const scale = THUMBNAIL / Math.max(height, width);
    const brush = this.canvas.getContext("2d");
    brush.imageSmoothingEnabled = false;
    brush.clearRect(0, 0, THUMBNAIL, THUMBNAIL);
    const [x, y] = [(given % columns) * width, Math.floor(given / columns) * height];
    brush.drawImage(this.sheet, x, y, width, height, 0, 0, width * scale, height * scale);
    if (rows * across > 1) this.frame(brush, place, [width * scale / across, height * scale / rows], across);
    this.canvas.style.left = isLeft ? "" : `${AWAY}px`;
    this.canvas.style.right = isLeft ? `${AWAY}px` : "";
    this.canvas.dataset.input = given;
  }

  frame(brush, place, [width, height], across) {
    const at = [(place % across) * width, Math.floor(place / across) * height, width, height];
    for (const [colour, line] of [["#000", 3], ["#fff", 1]]) {
      Object.assign(brush, { strokeStyle: colour, lineWidth: line });
      brush.strokeRect(...at);
    }
  }

  hide() {
    this.pointed = null;
    this.canvas.hidden = true;
  }

  leave() {
    this.away();
    this.left();
  }
}
