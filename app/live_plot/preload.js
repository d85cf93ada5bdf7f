// Nothing to see: asks for Plotly's script while the reader still reads, that the first chart need not wait for it.

export default function ({ data }) {
  loadPlotly(data.script).catch((error) => console.error(error));
}
