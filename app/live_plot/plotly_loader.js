// Plotly's script, loaded once a page however many charts ask for it.

function loadPlotly(fileName) {
  window.vqScopePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = appRoot() + fileName;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.vqScopePlotly = undefined; // the next chart may try again
      script.remove();
      reject(new Error(`Charts need ${script.src}, which did not load.`));
    };
    document.head.append(script);
  });
  return window.vqScopePlotly;
}
