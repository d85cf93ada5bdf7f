// The first thing that Tab reaches: a way past the sidebar to what the page shows.

/** Leads to the page's heading without a word in its address, where *Back* would find it. */
function addSkipLink() {
  const link = document.createElement("a");
  link.className = "vq-skip";
  link.href = "#content";
  link.textContent = "Skip to content";
  link.addEventListener("click", (event) => {
    event.preventDefault();
    const heading = document.getElementById("content");
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus();
  });
  document.body.prepend(link);
}
