// The space bar pauses and goes on, wherever the page has a button that does. Trajectories listens for itself.

const PLAYS = ".vq-play, .st-key-play button, .st-key-compare-play button, .st-key-lesson-hold button";
const TYPES = "input:not([type=range]), textarea, select, [contenteditable=true], [role=combobox], [role=listbox], [role=dialog]";
const PRESSED_BY_SPACE = "a, button, summary, [role=radio], [role=checkbox], [role=button]";

/**
 * A button that Tab or an arrow led to keeps its own space bar. One that was clicked does not: it keeps the focus, and the
 * hand that goes on to the space bar means the training.
 */
function playOnSpace() {
  let clicked = null;
  let taken = false;
  window.addEventListener("pointerdown", ({ target }) => (clicked = target.closest?.(PRESSED_BY_SPACE)), true);
  window.addEventListener("keydown", (event) => {
    if (event.key !== " ") {
      if (!["Shift", "Control", "Alt", "Meta"].includes(event.key)) clicked = null;
      return;
    }
    const on = event.target;
    if (event.repeat && taken) return event.preventDefault();
    taken = false;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || on.closest?.(TYPES)) return;
    const pressed = on.closest?.(PRESSED_BY_SPACE);
    if (pressed && pressed !== clicked) return;
    const play = [...document.querySelectorAll(PLAYS)].find((button) => button.checkVisibility());
    if (!play || play.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    taken = true;
    play.click();
  }, true);
  // A button is pressed when the bar comes up again.
  window.addEventListener("keyup", (event) => {
    if (event.key !== " " || !taken) return;
    taken = false;
    event.preventDefault();
    event.stopPropagation();
  }, true);
}
