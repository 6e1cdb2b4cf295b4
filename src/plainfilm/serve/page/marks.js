// Numbers, scores and names beside boxes, of fixed size on the screen.

import { drawn } from "./dom.js";

const LETTER = 7.5; // pixels of the screen, of a letter's width
const LINE = 14;

/** Where a mark may stand: above the box at its left or right, or in it. The film may be rotated. */
function spots(placement, box, width) {
  const ends = [placement.toScreen(box.x0, box.y0), placement.toScreen(box.x1, box.y1)];
  const [left, top] = [0, 1].map((axis) => Math.min(...ends.map((end) => end[axis])));
  const right = Math.max(...ends.map(([x]) => x));
  const above = [[left + 4, top - 5], [right - width - 4, top - 5]];
  const within = [[left + 4, top + LINE], [right - width - 4, top + LINE]];
  return top < LINE + 4 ? within : [above[0], above[1], within[0], within[1]];
}

/** The elements of marks ({ box, words, kind }), the first ones first; one that would lie on others everywhere is
 *  left out. */
export function marksOf(placement, wanted) {
  const taken = [];
  return wanted.flatMap(({ box, words, kind }) => {
    const width = LETTER * String(words).length;
    const isFree = ([x, y]) =>
      !taken.some(([left, line, wide]) => Math.abs(y - line) < LINE && x < left + wide && left < x + width);
    const spot = spots(placement, box, width).find(isFree);
    if (!spot) return [];
    taken.push([...spot, width]);
    return [drawn("text", { x: spot[0], y: spot[1], class: `mark ${kind}`, "aria-hidden": "true" }, String(words))];
  });
}
