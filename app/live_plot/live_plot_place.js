// Where a plot stands. Streamlit sends an element's script with its every update: so this is all of it, and the plot's
// own code comes once a page, from preload.js. A figure comes with the script, or by the road of live data.

const text = new TextDecoder();

export default function ({ data: bytes, ...component }) {
  const [figure, rest] = JSON.parse(text.decode(bytes));
  const leaving = [];
  let left = false;
  (window.vqScopeLivePlot ??= Promise.withResolvers()).promise.then(({ mount, onStage }) => {
    if (left) return;
    const draw = (part) => (leaving[0] = mount({ data: { ...part, ...rest }, ...component }));
    if (!rest.road) {
      draw(figure);
      return;
    }
    let part, behind;
    const drawBoth = () => part && draw(behind?.traces.length ? withTraces(part, behind) : part);
    if (rest.behind) leaving[2] = onStage(rest.behind, (sent) => ((behind = sent), drawBoth()));
    leaving[1] = onStage(rest.road, (sent) => ((part = sent), drawBoth()));
  });
  return () => {
    left = true;
    for (const leave of leaving) leave?.();
  };
}

function withTraces(part, { traces, revision }) {
  const figure = { ...part.figure, data: [...traces, ...part.figure.data] };
  return { ...part, figure, revision: `${part.revision} ${revision}` };
}
