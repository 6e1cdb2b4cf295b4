// The similarity map of a phrase over the film: dark where it is least, bright where it is most similar.

import { find } from "./dom.js";
import { text } from "./texts.js";

// Stops of a scale that rises evenly in lightness, red, green and blue from 0 to 255.
const STOPS = [[13, 8, 60], [86, 16, 110], [158, 42, 99], [217, 82, 61], [246, 147, 43], [250, 236, 130]];
const OPACITY = 128; // of 255, as in the pictures of `plainfilm predict --map`

function colourAt(part) {
  const place = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[low].map((from, channel) => from + (STOPS[low + 1][channel] - from) * (place - low));
}

const clamped = (value, [least, most]) => Math.min(Math.max(value, least), most);

// First and last place of the lines that have a value.
const known = (lines) => {
  const are = lines.map((line) => line.some((value) => value !== null));
  return [are.indexOf(true), are.lastIndexOf(true)];
};

/** The grid without `null`: patches wholly outside of the film take the value of the nearest on it. */
function filled(grid) {
  const rows = known(grid);
  const columns = known(grid[0].map((_, column) => grid.map((row) => row[column])));
  return grid.map((line, row) => line.map((_, column) => grid[clamped(row, rows)][clamped(column, columns)]));
}

// Points on each side of the drawn map: values, not colours, lie linearly between the centres of patches.
const LEAST_POINTS = 256;

function drawnValues(grid) {
  const last = grid.length - 1;
  const side = grid.length * Math.ceil(LEAST_POINTS / grid.length);
  const steps = Array.from({ length: side }, (_, point) => {
    const place = clamped(((point + 0.5) * grid.length) / side - 0.5, [0, last]);
    const low = Math.min(Math.floor(place), Math.max(last - 1, 0));
    return [low, Math.min(low + 1, last), place - low];
  });
  const between = (from, to, part) => from + (to - from) * part;
  return steps.map(([top, bottom, down]) => steps.map(([left, right, across]) => between(
    between(grid[top][left], grid[top][right], across),
    between(grid[bottom][left], grid[bottom][right], across), down)));
}

/** Draws a map ({ grid, extent, seen, low, high, text }) over what the model sees of the film in `view`. */
export function showHeat(map, view) {
  const canvas = find(".heat", view);
  const values = drawnValues(filled(map.grid));
  [canvas.width, canvas.height] = [values.length, values.length];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(values.length, values.length);
  const range = map.high - map.low || 1;
  values.flat().forEach((value, place) => {
    const part = (value - map.low) / range;
    picture.data.set([...colourAt(part), OPACITY], 4 * place);
  });
  context.putImageData(picture, 0, 0);
  const { extent, seen } = map;
  Object.assign(canvas.style, {
    left: `${extent.x0}px`, top: `${extent.y0}px`,
    width: `${extent.x1 - extent.x0}px`, height: `${extent.y1 - extent.y0}px`,
    // The film is placed by a matrix about its own corner.
    transformOrigin: `${-extent.x0}px ${-extent.y0}px`,
    clipPath: `inset(${[seen.y0 - extent.y0, extent.x1 - seen.x1, extent.y1 - seen.y1, seen.x0 - extent.x0]
      .map((edge) => `${edge}px`).join(" ")})`,
  });
  canvas.hidden = false;
  showLegend(map, find(".legend", view));
}

function showLegend(map, legend) {
  const scale = find("canvas", legend);
  const context = scale.getContext("2d");
  for (let x = 0; x < scale.width; x++) {
    context.fillStyle = `rgb(${colourAt(x / (scale.width - 1)).map(Math.round).join(",")})`;
    context.fillRect(x, 0, 1, scale.height);
  }
  find("figcaption", legend).textContent = text("map_title", { words: map.text });
  const [low, high] = legend.querySelectorAll("span");
  low.textContent = map.low.toFixed(3);
  high.textContent = map.high.toFixed(3);
  legend.hidden = false;
}

export function hideHeat(view) {
  find(".heat", view).hidden = true;
  find(".legend", view).hidden = true;
}
