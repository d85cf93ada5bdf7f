// The reader's hand on a picture: it points at places, chooses their codes, and moves the divider of a wipe.

const WIPE_STEP = 0.05;
const NEAR = 12; // pixels from the divider at which a hand takes hold of it

class PictureHand {
  constructor(picture) {
    this.picture = picture;
  }

  /** From now on hears what is done on the canvas of `figure`. */
  hear(figure) {
    const { canvas } = figure;
    canvas.tabIndex = 0;
    canvas.onpointermove = (event) => this.follow(event, figure);
    canvas.onpointerdown = (event) => this.press(event, figure);
    canvas.onpointerup = () => (this.wiping = false);
    canvas.onpointerleave = () => this.wiping || this.picture.showPoint(null);
    canvas.onblur = () => this.picture.showPoint(null);
    canvas.onkeydown = (event) => this.steer(event);
    canvas.ondblclick = () => this.picture.choose([], { clears: true });
  }

  follow({ offsetX, offsetY }, figure) {
    const { picture } = this;
    if (this.wiping) {
      picture.views.moveDivider(offsetX / picture.placing.width);
      picture.paint();
      return;
    }
    figure.canvas.style.cursor = this.isNearDivider(offsetX) ? "ew-resize" : "crosshair";
    picture.showPoint(picture.placing.placeAt(offsetX, offsetY), this.variantUnder(offsetX, figure));
  }

  isNearDivider(x) {
    const { views, placing } = this.picture;
    return views.wipes && Math.abs(x - views.divider * placing.width) < NEAR;
  }

  press({ offsetX, offsetY, pointerId, shiftKey }, figure) {
    if (this.isNearDivider(offsetX)) {
      this.wiping = true;
      figure.canvas.setPointerCapture(pointerId);
      return;
    }
    const place = this.picture.placing.placeAt(offsetX, offsetY);
    if (place !== null) this.picture.choosePlace(place, this.variantUnder(offsetX, figure), shiftKey);
  }

  /** The variant whose codes belong to what is seen there; the first where it has none. */
  variantUnder(x, { views }) {
    const { picture } = this;
    const isRight = views.length === 2 && x > picture.views.divider * picture.placing.width;
    const { of } = views[isRight ? 1 : 0];
    return picture.data.variants[of].codes ? of : 0;
  }

  steer(event) {
    const { picture } = this;
    const { across, rows, perTile } = picture.tiles;
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    if (picture.views.wipes && event.altKey && event.key in moves) {
      picture.views.moveDivider(picture.views.divider + Math.sign(moves[event.key]) * WIPE_STEP);
      picture.paint();
    } else if (event.key in moves) {
      const first = picture.placing.shown[0] * perTile + Math.floor(rows / 2) * across;
      const place = picture.point === null ? first : picture.point + moves[event.key];
      if (picture.placing.boxOf(place)) picture.showPoint(place);
    } else if (event.key === "Enter" && picture.point !== null) {
      picture.choosePlace(picture.point, picture.pointOf, event.shiftKey);
    } else {
      return;
    }
    event.preventDefault();
  }
}
