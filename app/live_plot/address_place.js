// Nothing to see: keeps the URL of a page that has no conductor.

const paths = new WeakMap();

export default function ({ data, parentElement }) {
  if (!paths.has(parentElement)) paths.set(parentElement, location.pathname);
  showAddress(data.address, paths.get(parentElement));
}
