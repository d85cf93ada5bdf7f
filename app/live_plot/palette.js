// Colours by role: the palette that fits the background in force, put in wherever a figure names a role.

const ROLE = /^role:([A-Za-z]+\d*)(?:\/([\d.]+))?$/;
const ROLE_WITHIN = /(?<=style='color:)role:[A-Za-z]+\d*/g; // of a word in a text
const rulers = new Map();

/** Red, green and blue of any CSS colour, 0 to 255. */
function channels(colour) {
  if (!rulers.has(colour)) {
    const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    rulers.set(colour, [...pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)]);
  }
  return rulers.get(colour);
}

/** "dark" or "light": what the page behind `element` really is, whatever the browser prefers. */
function schemeBehind(element) {
  const background = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  const [red, green, blue] = channels(background || "#ffffff");
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128 ? "dark" : "light";
}

/** One role as a CSS colour; any other string stays as it is. */
function colourOf(text, scheme, font) {
  const found = ROLE.exec(text);
  if (!found) return text.replace(ROLE_WITHIN, (part) => colourOf(part, scheme, font));
  if (found[1] === "font") return font;
  const colour = PALETTES[scheme][found[1]];
  if (!colour) throw new Error(`A figure names the colour role "${found[1]}", which app/theme.py lacks.`);
  return found[2] === undefined ? colour : `rgba(${channels(colour).join(", ")}, ${found[2]})`;
}

/** A copy of `value` with every role replaced; typed arrays and arrays of numbers are passed on untouched. */
function withColours(value, scheme, font) {
  if (typeof value === "string") return colourOf(value, scheme, font);
  if (Array.isArray(value)) {
    // The last, as a stop of a colour scale begins with a number.
    return typeof value.at(-1) === "number" ? value : value.map((item) => withColours(item, scheme, font));
  }
  if (value === null || typeof value !== "object" || "bdata" in value || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withColours(item, scheme, font)]));
}
