// Clicks that are obeyed once and in order. Those that the page's script has not taken yet are sent again with every
// new one, as Streamlit may answer several in one run. Their numbers grow even where the page is built again: they are
// times.

const PATIENCE = 1000; // ms after which clicks that were not taken are sent once more

class Clicks {
  constructor() {
    this.waiting = []; // those that the script has not taken yet, each with its number
    this.last = 0;
    this.sent = 0; // the number of the last click on its way
  }

  add(meaning) {
    this.last = Math.max(this.last + 1, Date.now());
    this.waiting.push([this.last, meaning]);
    if (this.waiting.length === 1) this.send();
  }

  /** Forget those that the script has taken. */
  forget(taken) {
    this.waiting = this.waiting.filter(([number]) => number > taken);
    this.last = Math.max(this.last, taken);
  }

  /** Send what came while others were on their way, once those are taken. */
  sendMore(taken) {
    if (taken >= this.sent) this.send();
  }

  /** One message is on its way at a time: each has the whole script run. */
  send() {
    clearTimeout(this.again);
    if (!this.waiting.length) return;
    this.sent = this.last;
    this.tell([...this.waiting]);
    this.again = setTimeout(() => this.send(), PATIENCE);
  }

  leave() {
    clearTimeout(this.again);
  }
}
