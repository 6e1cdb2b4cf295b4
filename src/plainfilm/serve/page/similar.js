// The closest sentences, reports or films of the bank, with where they came from.

import { element, find } from "./dom.js";
import { term, text } from "./texts.js";

const SIGNS = { 1: "+", 0: "−", "-1": "?" };

const labelsOf = (item) =>
  Object.entries(item.labels).filter(([, state]) => state !== 0).map(([name, state]) => SIGNS[state] + term(name));

function row(desk, item) {
  const words = item.text ?? item.image;
  const times = item.count > 1 ? text("times", { count: item.count }) : null;
  const origin = [text("from_study", { study: item.study_id ?? "–" }), times, ...labelsOf(item)];
  return element(
    "li", { class: "card" },
    element("span", { class: "score" }, item.score.toFixed(3)),
    element("div", { class: "body" }, element("p", { class: "words" }, words),
      element("p", { class: "origin" }, origin.filter(Boolean).join(" · "))),
    item.text
      ? element("button", { type: "button", class: "quiet", onclick: () => desk.take(item) }, text("use"))
      : null,
  );
}

/** Fills the tab with what is closest to the chosen film, or to a phrase. */
export function showSimilar(desk) {
  const sheet = find("#similar");
  const { film } = desk.work;
  const { similar } = desk;
  const phrase = find("#phrase").value.trim();
  const buttons = element(
    "div", { class: "actions" },
    element("button", { type: "button", disabled: !film, onclick: () => desk.findSimilar(null) }, text("similar_film")),
    element("button", { type: "button", disabled: !phrase, onclick: () => desk.findSimilar(phrase) }, text("similar_phrase")),
  );
  const bank = desk.model.bank;
  const about = element("p", { class: "hint" }, text("bank_facts", { name: bank.name, size: bank.size, kind: bank.kind ?? "" }));
  const list = similar
    ? element("ol", { class: "cards" }, ...similar.results.map((item) => row(desk, item)))
    : null;
  const title = similar && element("h3", {}, text("similar_to", { what: similar.what }));
  sheet.replaceChildren(...[buttons, about, title, list].filter(Boolean));
}
