// Questions that a model answers in several steps.

import * as api from "./api.js";

/** The boxes of a phrase and the sentence about them; one that the model writes of the best box, if of none. */
export async function found(id, phrase, model) {
  const [answer] = await api.locate(id, [phrase], model.name);
  const sentence = answer.sentence ?? (await sentenceOf(id, answer.boxes[0], model));
  return { ...answer, sentence };
}

/** The sentence of a model about a box, or `null` where it writes none. */
export async function sentenceOf(id, box, model) {
  if (!box || !model.offers.includes("describe")) return null;
  const { x0, y0, x1, y1 } = box;
  const [described] = await api.describe(id, [{ x0, y0, x1, y1 }], model.name);
  return described.sentence;
}

/** Fetches a film into a view: its display picture at once, then all its values. `isWanted` says whether it
 *  still is; `shown` gets the picture. */
export async function load(viewport, facts, view, isWanted, shown = () => {}) {
  const bitmap = await api.display(facts.film_id);
  if (!isWanted()) return;
  viewport.show(facts, bitmap, view);
  await shown(bitmap);
  if (facts.bits <= 8) return;
  const values = await api.values(facts.film_id);
  if (isWanted()) viewport.refine(values, view);
}
