// Nothing to see: asks for one more run of the part of the page that it lies in. A hidden page asks when it is seen.

const timers = new WeakMap();

function ask(parentElement, tell) {
  if (!parentElement.isConnected) return;
  if (!document.hidden) tell();
  else document.addEventListener("visibilitychange", () => ask(parentElement, tell), { once: true });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const before = timers.get(parentElement);
  if (before?.run === data.run) return;
  clearTimeout(before?.timer);
  const timer = setTimeout(() => ask(parentElement, () => setTriggerValue("again", data.run)), 1000 * data.seconds);
  timers.set(parentElement, { run: data.run, timer });
}
