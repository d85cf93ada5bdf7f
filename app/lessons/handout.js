// Draws every figure of the page once, in the colours of the reader's scheme.

const scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
const figures = JSON.parse(document.getElementById("figures").textContent);

function draw(node, figure) {
  const layout = { ...figure.layout, height: node.clientHeight, autosize: true };
  const font = "system-ui, sans-serif";
  Plotly.newPlot(node, withColours(figure.data, scheme, font), withColours(layout, scheme, font), {
    responsive: true,
    displaylogo: false,
  });
}

document.querySelectorAll(".plot").forEach((node, index) => {
  // What is folded away has no width yet: it is drawn when it is unfolded.
  const folded = node.closest("details");
  if (folded) folded.addEventListener("toggle", () => draw(node, figures[index]), { once: true });
  else draw(node, figures[index]);
});
