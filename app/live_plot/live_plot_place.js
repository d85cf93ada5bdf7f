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
    if (rest.road) leaving[1] = onStage(rest.road, draw);
    else draw(figure);
  });
  return () => {
    left = true;
    for (const leave of leaving) leave?.();
  };
}
