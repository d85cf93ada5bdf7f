// What is running, in one line: only its text changes.

const DOTS = {
  starting: "role:muted",
  running: "role:good",
  paused: "role:C",
  failed: "role:bad",
  ended: "role:muted",
};

function piece(line, name) {
  const element = document.createElement("span");
  element.className = `vq-status-${name}`;
  line.append(element);
  return element;
}

function newLine(parent) {
  const line = document.createElement("div");
  line.className = "vq-status";
  for (const name of ["dot", "state", "facts", "remark"]) piece(line, name);
  line.querySelector(".vq-status-dot").setAttribute("aria-hidden", "true");
  line.querySelector(".vq-status-state").setAttribute("aria-live", "polite"); // the state alone: steps never stop
  parent.append(line);
  return line;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function mount({ data, parentElement }) {
  const line = parentElement.querySelector(".vq-status") ?? newLine(parentElement);
  const [dot, state, facts, remark] = line.children;
  dot.style.background = colourOf(DOTS[data.state], schemeBehind(parentElement), "");
  line.dataset.state = data.state;
  write(state, data.state);
  while (facts.children.length > data.facts.length) facts.lastChild.remove();
  while (facts.children.length < data.facts.length) piece(facts, "fact");
  data.facts.forEach((fact, index) => write(facts.children[index], fact));
  write(remark, data.remark);
}
