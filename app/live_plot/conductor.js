// Has the WebSocket of the page's session. It asks for the next moment when the last one is drawn, so that there is one
// request on its way and no queue; a hidden page asks for nothing.

const ENDED = 4404; // the close code of a session that is no more
const PAUSES = [0.3, 0.6, 1.2, 2.5, 5, 10]; // seconds before one more try at a connection that was lost
const LONGEST_DRAWING = 1000; // ms that the next request waits for the charts: a hand may hold one
const PATIENCE = 400; // ms that the page's script has to show a change by itself: a click has it run anyway
const UNHEARD = 5000; // ms after which the page's script is asked once more to run: it may not have heard
const LOST = "connection lost, trying again …";

const nextFrame = () => new Promise((done) => requestAnimationFrame(done));

class Conductor {
  constructor() {
    this.path = location.pathname;
    this.have = new Map();
    this.arrays = new Map(); // of the parts that the page has, by key
    this.then = new Map(); // what the page had at each request that may still be answered, by its number
    this.number = 0; // of the newest request; an answer to an older one begins no other
    this.failures = 0;
    this.gone = false;
    this.hands = {};
    this.said = ""; // what the page's controls must show, as the last frame said
    this.seen = () => this.wake();
    document.addEventListener("visibilitychange", this.seen);
    window.addEventListener("online", this.seen);
    stage.ask = () => this.ask(true);
  }

  /** What the page's script says: whom to follow, and what is looked at. */
  receive(told) {
    for (const timer of [this.calling, this.comparing]) clearTimeout(timer);
    this.calling = this.comparing = undefined;
    if (this.failures && this.told && told.session !== this.told.session && location.pathname === this.path) {
      location.reload(); // The server has started again, and began from the first visit's URL: this one is newer.
      return;
    }
    if (told.session !== this.told?.session) this.forget();
    this.told = told;
    showAddress(told.address, this.path);
    if (!this.socket) this.connect();
    else if (document.hidden) this.isResting = true;
    else this.ask(true);
  }

  forget() {
    this.have.clear();
    this.arrays.clear();
    stage.parts.clear();
    this.said = "";
    this.hasEnded = false;
  }

  connect() {
    clearTimeout(this.retry);
    if (this.gone || this.hasEnded) return;
    const address = new URL(`${appRoot()}vq/live`);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.ask(true);
    socket.onmessage = ({ data }) => this.show(data);
    socket.onclose = (event) => this.socket === socket && this.lose(event);
    this.socket = socket;
  }

  lose({ code }) {
    this.socket = null;
    this.have.clear(); // a server that has started again counts its revisions from the start
    this.arrays.clear();
    this.then.clear();
    if (this.gone) return;
    if (code === ENDED) {
      this.hasEnded = true;
      this.callScript();
      return;
    }
    this.remark(LOST);
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    this.retry = setTimeout(() => this.connect(), 1000 * pause * (0.75 + 0.5 * Math.random()));
  }

  wake() {
    if (document.hidden || this.gone || !this.told) return;
    if (!this.socket) this.connect();
    else if (this.isResting) this.ask(true);
  }

  /** Says beside what the session does what its page cannot do. */
  remark(words) {
    const status = stage.parts.get("status");
    if (status) stage.places.get("status")?.({ ...status, remark: words });
  }

  ask(now = false) {
    clearTimeout(this.next);
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.isResting = false;
    this.number += 1;
    this.asked = performance.now();
    const { session, view } = this.told;
    const wanted = [...this.told.wanted, ...stage.extra];
    const have = Object.fromEntries([...this.have].filter(([key]) => wanted.includes(key)));
    this.then.set(this.number, { have, arrays: new Map(this.arrays), parts: new Map(stage.parts) });
    this.socket.send(JSON.stringify({
      n: this.number, session, view, wanted, have, controls: this.said, hands: this.hands, now,
    }));
  }

  async show(data) {
    const { header, parts } = readFrame(data, (number) => this.then.get(number)?.arrays);
    const then = this.then.get(header.n);
    for (const number of this.then.keys()) if (number <= header.n) this.then.delete(number);
    if (this.failures) this.remark("");
    this.failures = 0;
    for (const [key, revision, part, arrays] of parts) {
      this.have.set(key, revision);
      this.arrays.set(key, arrays);
      stage.parts.set(key, { ...part, answered: header.hands[key] });
      stage.places.get(key)?.(stage.parts.get(key));
    }
    this.takeBack(then, new Set(parts.map(([key]) => key)));
    for (const [key, at] of Object.entries(header.hands)) {
      const part = stage.parts.get(key);
      if (!part || part.answered === at) continue;
      stage.parts.set(key, { ...part, answered: at });
      stage.places.get(key)?.(stage.parts.get(key));
    }
    this.hands = header.hands;
    this.said = header.controls;
    if (this.isBehind()) this.comparing ??= setTimeout(() => this.compare(), PATIENCE);
    if (header.n !== this.number) return; // the answer to a newer request is on its way
    await this.drawn();
    if (header.n === this.number) this.askLater();
  }

  /**
   * Has again what the page had `then`, when it asked, and what only the answer to an earlier request has changed since:
   * the server knew of that, and does not send it, so that it holds.
   */
  takeBack(then, came) {
    for (const [key, revision] of Object.entries(then?.have ?? {})) {
      if (came.has(key) || !this.have.has(key) || this.have.get(key) === revision) continue;
      this.have.set(key, revision);
      this.arrays.set(key, then.arrays.get(key));
      stage.parts.set(key, then.parts.get(key));
      stage.places.get(key)?.(stage.parts.get(key));
    }
  }

  /** Until the charts show it, if they can. */
  async drawn() {
    const since = performance.now();
    do await nextFrame();
    while (window.vqScopeDrawing?.() && performance.now() - since < LONGEST_DRAWING);
  }

  askLater() {
    this.isResting = document.hidden;
    if (this.isResting || this.gone) return;
    const wait = this.asked + 1000 / this.told.rate - performance.now();
    if (wait > 4) this.next = setTimeout(() => this.askLater(), wait);
    else this.ask();
  }

  /** Whether the controls show what is no longer so. */
  isBehind() {
    return Boolean(this.said) && this.said !== this.told.controls;
  }

  compare() {
    this.comparing = undefined;
    if (this.isBehind() && !this.calling) this.callScript();
  }

  /** Has the page's script run; once more only where nothing comes of it, as that would break off a run under way. */
  callScript() {
    clearTimeout(this.calling);
    this.calling = setTimeout(() => {
      this.calling = undefined;
      if (this.hasEnded) this.callScript();
      else this.compare();
    }, UNHEARD);
    stage.callScript?.();
  }

  leave() {
    this.gone = true;
    for (const timer of [this.retry, this.next, this.calling, this.comparing]) clearTimeout(timer);
    document.removeEventListener("visibilitychange", this.seen);
    window.removeEventListener("online", this.seen);
    this.socket?.close(1000);
    stage.parts.clear();
  }
}

const conductors = new WeakMap();

export default function ({ data, parentElement }) {
  if (!conductors.has(parentElement)) conductors.set(parentElement, new Conductor());
  const conductor = conductors.get(parentElement);
  conductor.receive(data);
  // Streamlit also calls this when an update overtakes the one before it: then the element is still on the page.
  return () => {
    if (parentElement.isConnected || conductors.get(parentElement) !== conductor) return;
    conductors.delete(parentElement);
    conductor.leave();
  };
}
