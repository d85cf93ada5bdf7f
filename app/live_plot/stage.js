// Where the elements of a page meet what is sent for them: by key, whichever of the two is there first. `extra` are keys
// that an element needs for a while, beside those that the page has placed.

const stage = (window.vqScopeStage ??= { places: new Map(), parts: new Map(), extra: new Set() });

/** From now on `receive` is called with every part that comes for `key`; returns what ends that. */
function onStage(key, receive) {
  stage.places.set(key, receive);
  if (stage.parts.has(key)) receive(stage.parts.get(key));
  return () => stage.places.get(key) === receive && stage.places.delete(key);
}
