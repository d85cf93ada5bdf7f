// Escape lets go of what is chosen, wherever the focus is: it presses the button that does.

const WRITTEN_IN = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true]";
const CLOSED_BY_ESCAPE = '[role="dialog"], [role="listbox"], [data-testid="stPopoverBody"]';

/** Listens before the page does, which would have closed a dialog by then. */
function letGoOnEscape() {
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.target.closest?.(WRITTEN_IN)) return;
    if (!document.querySelector(CLOSED_BY_ESCAPE)) document.querySelector(".st-key-clear button")?.click();
  }, true);
}
