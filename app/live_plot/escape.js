// Escape lets go of what is chosen, wherever the focus is: it presses the button that does. And it sends away the tip of
// what has the focus, which a popover gives back to its button, until the hand goes on.

const WRITTEN_IN = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]";
const CLOSED_BY_ESCAPE = '[role="dialog"], [role="listbox"], [data-testid="stPopoverBody"]';

/** Listens before the page does, which would have closed a dialog by then. */
function letGoOnEscape() {
  const { classList } = document.documentElement;
  const goesOn = () => classList.remove("vq-no-tips");
  for (const name of ["pointermove", "pointerdown", "keydown"]) window.addEventListener(name, goesOn, true);
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") classList.add("vq-no-tips");
    if (event.key !== "Escape" || event.isComposing || event.target.closest?.(WRITTEN_IN)) return;
    if (!document.querySelector(CLOSED_BY_ESCAPE)) document.querySelector(".st-key-clear button")?.click();
  }, true);
}
