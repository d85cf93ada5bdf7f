// Inside Streamlit: one picture an element, made again only when its data are others.

const mounted = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const known = mounted.get(parentElement);
  if (known?.revision !== data.revision || !known.node.isConnected) {
    known?.plot.leave();
    const node = known?.node.isConnected ? known.node : make(parentElement, "div");
    const report = data.fixed ? {} : { moved: (places) => setTriggerValue("moved", { ...places, revision: data.revision }) };
    mounted.set(parentElement, { node, revision: data.revision, plot: mount(node, data.picture, report, known?.plot) });
  } else delete known.node.dataset.waiting;
  return () => {
    const last = mounted.get(parentElement);
    if (parentElement.isConnected || !last) return;
    mounted.delete(parentElement);
    last.plot.leave();
  };
}
