// A bar for a layout in the making, and a button that gives it up.

const PATIENCE = 1000; // ms: a layout that is done sooner shows no bar, it would only flicker

function newBar(parent) {
  const bar = document.createElement("div");
  bar.className = "vq-progress";
  bar.hidden = true;
  bar.said = bar.appendChild(document.createElement("span"));
  bar.meter = bar.appendChild(document.createElement("progress"));
  bar.button = bar.appendChild(document.createElement("button"));
  bar.button.type = "button";
  bar.button.textContent = "Cancel";
  parent.append(bar);
  return bar;
}

function mount({ data, parentElement, setTriggerValue }) {
  const bar = parentElement.querySelector(":scope > .vq-progress") ?? newBar(parentElement);
  if (bar.dataset.layout !== String(data.id)) bar.since = performance.now();
  bar.dataset.layout = data.id;
  bar.hidden = data.id === null || performance.now() - bar.since < PATIENCE;
  if (data.id === null) return;
  bar.said.textContent = data.said;
  bar.meter.value = data.share;
  bar.button.title = data.cancel;
  bar.button.onclick = () => setTriggerValue("cancel", data.id);
}
