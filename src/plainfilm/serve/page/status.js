// The line below the film: what was said last, window, zoom, and the value below the pointer; and a scale bar.

import { find } from "./dom.js";
import { text } from "./texts.js";

const LENGTHS_MM = [200, 100, 50, 20, 10, 5, 2, 1];
const LONGEST_PX = 160;
let point = null;

export function showStatus(desk, at = point) {
  point = at;
  const { viewport } = desk;
  const parts = [];
  if (viewport.facts) {
    const { low, high } = viewport.window;
    parts.push(text("window_shown", { level: Math.round((low + high) / 2), width: Math.round(high - low) }));
    parts.push(`${Math.round(100 * viewport.placement.scale)} %`);
    const value = point && viewport.valueAt(...point);
    if (value !== null && point) parts.push(`x ${Math.floor(point[0])}  y ${Math.floor(point[1])}  ${text("value", { value })}`);
  }
  find("#status").replaceChildren(
    Object.assign(document.createElement("span"), { textContent: desk.message ?? "", className: "message" }),
    Object.assign(document.createElement("span"), { textContent: parts.join("   ") }),
  );
  showScale(viewport);
}

function showScale(viewport) {
  const bar = find("#scale");
  const spacing = viewport.facts?.spacing_mm;
  bar.hidden = !spacing;
  if (!spacing) return;
  const pixels = (length) => (length / spacing) * viewport.placement.scale;
  const length = LENGTHS_MM.find((one) => pixels(one) <= LONGEST_PX) ?? LENGTHS_MM.at(-1);
  bar.style.width = `${pixels(length)}px`;
  find("span", bar).textContent = length >= 10 ? `${length / 10} cm` : `${length} mm`;
}
