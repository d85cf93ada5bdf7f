// Makes a component of an element's `mount`. One with `road` in its data is sent the rest of them by that key.

export default function (component) {
  const { road, ...own } = component.data;
  if (!road) return mount(component);
  let leave;
  const left = onStage(road, (part) => {
    leave = mount({ ...component, data: { ...part, ...own } });
  });
  return () => {
    left();
    leave?.();
  };
}
