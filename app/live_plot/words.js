// Words with their markup, touched only where they change.

function mount({ data, parentElement }) {
  let words = parentElement.querySelector(":scope > .vq-words");
  if (!words) {
    words = document.createElement("div");
    parentElement.append(words);
  }
  words.className = `vq-words ${data.look && `vq-${data.look}`}`;
  words.style.height = data.height ? `${data.height}px` : "";
  if (data.height) words.tabIndex = 0; // it scrolls, also under a keyboard
  if (words.html !== data.html) words.innerHTML = data.html;
  words.html = data.html;
}
