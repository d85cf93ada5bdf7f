// Where a plot stands. Streamlit sends an element's script with its every update: so this is all of it, and the plot's
// own code comes once a page, from preload.js.

const text = new TextDecoder();

export default function ({ data: bytes, ...component }) {
  const [figure, rest] = JSON.parse(text.decode(bytes));
  const data = { ...figure, ...rest };
  let leave;
  let left = false;
  (window.vqScopeLivePlot ??= Promise.withResolvers()).promise.then((mount) => {
    if (!left) leave = mount({ data, ...component });
  });
  return () => {
    left = true;
    leave?.();
  };
}
