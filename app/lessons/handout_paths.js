// Mounts every picture of paths; what is folded away when it is unfolded, for it has no width before.

const pictures = JSON.parse(document.getElementById("paths").textContent);
document.querySelectorAll(".paths").forEach((node, index) => {
  const folded = node.closest("details");
  if (folded) folded.addEventListener("toggle", () => mount(node, pictures[index]), { once: true });
  else mount(node, pictures[index]);
});
