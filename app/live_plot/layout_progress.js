// A bar for a layout in the making with a button that gives it up, or for a stopped UMAP with one that starts it.

const PATIENCE = 1000; // ms: a layout that is done sooner shows no bar, it would only flicker

function newBar(parent) {
  const bar = document.createElement("div");
  bar.className = "vq-progress";
  bar.hidden = true;
  bar.said = bar.appendChild(document.createElement("span"));
  bar.meter = bar.appendChild(document.createElement("progress"));
  bar.button = bar.appendChild(document.createElement("button"));
  bar.button.type = "button";
  parent.append(bar);
  return bar;
}

function mount({ data, parentElement, setTriggerValue }) {
  const bar = parentElement.querySelector(":scope > .vq-progress") ?? newBar(parentElement);
  if (bar.dataset.layout !== String(data.id)) bar.since = performance.now();
  bar.dataset.layout = data.id;
  const stopped = data.share === null;
  bar.hidden = data.id === null || (!stopped && performance.now() - bar.since < PATIENCE);
  if (data.id === null) return;
  bar.said.textContent = data.said;
  bar.meter.hidden = stopped;
  if (!stopped) bar.meter.value = data.share;
  bar.button.textContent = stopped ? "Start it now" : "Cancel";
  bar.button.title = stopped ? "Start UMAP without waiting" : "Cancel this layout and show PCA";
  bar.button.onclick = () => setTriggerValue(stopped ? "start" : "cancel", Date.now());
}
