// Plotly's script, loaded once a page however many charts ask for it.

/** Where the app is mounted, taken from Streamlit's own script, so that base paths and proxies are right. */
function appRoot() {
  const own = document.querySelector('script[src*="static/js/"]');
  return own ? own.src.split("static/js/")[0] : new URL("./", document.baseURI).href;
}

function loadPlotly(fileName) {
  window.vqScopePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${appRoot()}app/static/${fileName}`;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.vqScopePlotly = undefined; // the next chart may try again
      script.remove();
      reject(new Error(`Charts need ${script.src}, which did not load: is server.enableStaticServing on?`));
    };
    document.head.append(script);
  });
  return window.vqScopePlotly;
}
