// Draws every figure of the page once, in the colours of the reader's scheme; takes guesses; and unfolds all for paper.

const figures = JSON.parse(document.getElementById("figures").textContent);
const plots = [...document.querySelectorAll(".plot")];
const drawn = new Set();

function draw(node, scheme) {
  const figure = figures[plots.indexOf(node)];
  const layout = { ...figure.layout, height: node.clientHeight, autosize: true };
  const font = "system-ui, sans-serif";
  drawn.add(node);
  return Plotly.react(node, withColours(figure.data, scheme, font), withColours(layout, scheme, font), {
    responsive: true,
    displaylogo: false,
  });
}

const here = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

for (const node of plots) {
  // What is folded away has no width yet: it is drawn when it is unfolded.
  const folded = node.closest("details");
  if (folded) folded.addEventListener("toggle", () => drawn.has(node) || draw(node, here()));
  else draw(node, here());
}

// A guess unfolds what happened, is counted once, and cannot be changed.
const right = document.getElementById("right");
const asked = document.getElementById("asked");
for (const question of document.querySelectorAll(".question")) {
  const choices = [...question.querySelectorAll("button")];
  for (const choice of choices) {
    choice.addEventListener("click", () => {
      const isRight = choice.textContent === question.dataset.right;
      for (const each of choices) each.disabled = true;
      choice.classList.add(isRight ? "held" : "not");
      right.textContent = Number(right.textContent) + isRight;
      asked.textContent = Number(asked.textContent) + 1;
      question.nextElementSibling.open = true;
    });
  }
}

// Paper is white, as wide as its printer says, and nothing can be unfolded on it.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
  for (const node of plots) {
    draw(node, "light");
    Plotly.relayout(node, { width: Math.min(node.clientWidth, 660) });
  }
});
addEventListener("afterprint", () => {
  for (const node of plots) draw(node, here()).then(() => Plotly.relayout(node, { width: null, autosize: true }));
});
