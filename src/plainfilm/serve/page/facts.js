// What is known of the film, and of the model.

import { element, find } from "./dom.js";
import { text } from "./texts.js";

const VIEWS = ["PA", "AP", "AP_SUPINE", "LATERAL", "unknown"];

function field(name, value, set, maxlength = "100") {
  const input = element("input", {
    id: `film-${name}`, type: "text", maxlength, autocomplete: "off", onchange: () => set(input.value.trim()),
  });
  input.value = value ?? "";
  return element("div", { class: "field" }, element("label", { for: `film-${name}` }, text(name)), input);
}

function views(desk, film) {
  const options = VIEWS.map((view) => element("option", { value: view, selected: view === film.view }, text(`view_${view}`)));
  const select = element("select", { id: "film-view", onchange: () => desk.set("view", select.value) }, ...options);
  return element("div", { class: "field" }, element("label", { for: "film-view" }, text("view")), select);
}

const listed = (pairs) =>
  element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, text(name)), element("dd", {}, value)]));

/** Fills the tab with the facts of the chosen film and of the model. */
export function showFacts(desk) {
  const { film } = desk.work;
  const facts = desk.opened.get(film?.sha256);
  const { model } = desk;
  const parts = [];
  if (film) {
    const spacing = film.spacing_mm ? `${film.spacing_mm.toFixed(3)} mm` : text("not_stated");
    parts.push(
      element("h3", {}, film.name),
      element("p", { class: "hint" }, text("patient_hint")),
      ...["patient", "study"].map((name) => field(name, film[name], (value) => desk.set(name, value))),
      views(desk, film),
      listed([
        ["size", `${film.width} × ${film.height}`],
        ["spacing", spacing],
        ["bits", facts ? String(facts.bits) : "–"],
        ["sha256", element("code", {}, film.sha256.slice(0, 16))],
      ]),
      ...(facts?.flags ?? []).map((flag) => element("p", { class: "flag" }, flag)),
    );
  }
  parts.push(
    element("h3", {}, text("you")),
    element("p", { class: "hint" }, text("reader_hint")),
    field("reader", desk.work.reader, (value) => desk.work.setReader(value), "64"),
    element("h3", {}, text("model")),
    listed([
      ["model_name", model.name], ["model_kind", model.kind],
      ["model_fingerprint", element("code", {}, model.fingerprint || "–")],
      ["version", model.version], ["offers", model.offers.map((one) => text(`offer_${one}`)).join(", ") || "–"],
    ]),
  );
  find("#facts").replaceChildren(...parts);
}
