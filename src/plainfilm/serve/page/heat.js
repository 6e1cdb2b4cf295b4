// The similarity map of a phrase over the film: dark where it is least, bright where it is most similar.

import { find } from "./dom.js";
import { text } from "./texts.js";

// Stops of a scale that rises evenly in lightness, red, green and blue from 0 to 255.
const STOPS = [[13, 8, 60], [86, 16, 110], [158, 42, 99], [217, 82, 61], [246, 147, 43], [250, 236, 130]];

function colourAt(part) {
  const place = Math.min(Math.max(part, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[low].map((from, channel) => from + (STOPS[low + 1][channel] - from) * (place - low));
}

/** Draws a map ({ values, low, high, text }) over a film; `null` values are outside of what the model sees. */
export function showHeat(map, film) {
  const canvas = find("#heat");
  const [rows, columns] = [map.values.length, map.values[0].length];
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(columns, rows);
  const extent = map.high - map.low || 1;
  map.values.flat().forEach((value, place) => {
    const part = value === null ? 0 : (value - map.low) / extent;
    picture.data.set([...colourAt(part), value === null ? 0 : 40 + 150 * part], 4 * place);
  });
  context.putImageData(picture, 0, 0);
  canvas.style.width = `${film.width}px`;
  canvas.style.height = `${film.height}px`;
  canvas.hidden = false;
  showLegend(map);
}

function showLegend(map) {
  const legend = find("#legend");
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

export function hideHeat() {
  find("#heat").hidden = true;
  find("#legend").hidden = true;
}
