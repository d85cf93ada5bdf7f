// Nothing to see: hands every plot its code, once a page, and asks for Plotly's script while the reader still reads,
// that the first chart need not wait for it. And has the page listen for Escape and the space bar, begin with a skip
// link, and be light or dark as a whole.

let listens = false;

export default function ({ data }) {
  (window.vqScopeLivePlot ??= Promise.withResolvers()).resolve({ mount, onStage });
  if (!listens) for (const begin of [letGoOnEscape, playOnSpace, addSkipLink, spreadScheme]) begin();
  listens = true;
  loadPlotly(data.script).catch((error) => console.error(error));
}
