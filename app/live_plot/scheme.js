// Popovers and dialogs lie outside Streamlit's app, which alone says whether the page is light or dark: tell all of it.

function spreadScheme() {
  const app = document.querySelector(".stApp");
  if (!app) return;
  const spread = () => (document.documentElement.style.colorScheme = getComputedStyle(app).colorScheme);
  new MutationObserver(spread).observe(app, { attributes: true, attributeFilter: ["class"] });
  spread();
}
