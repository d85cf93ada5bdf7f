// A small line of recent values, and text that is only touched when it changes.

const SVG = "http://www.w3.org/2000/svg";

/** The path of heights 0 to 1 over a box of 100 by 20, broken at gaps. */
function sparkPath(past) {
  const step = 100 / Math.max(1, past.length - 1);
  let pen = "M";
  const moves = past.map((height, index) => {
    if (height === null) {
      pen = "M";
      return "";
    }
    const move = `${pen}${(index * step).toFixed(1)} ${(19 - 18 * height).toFixed(1)}`;
    pen = "L";
    return move;
  });
  return moves.join("");
}

/** Appends an empty line to `parent` and returns its path. */
function sparkLine(parent) {
  const spark = document.createElementNS(SVG, "svg");
  spark.setAttribute("viewBox", "0 0 100 20");
  spark.setAttribute("preserveAspectRatio", "none");
  spark.setAttribute("aria-hidden", "true");
  parent.append(spark);
  return spark.appendChild(document.createElementNS(SVG, "path"));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
