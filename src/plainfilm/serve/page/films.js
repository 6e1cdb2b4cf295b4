// The list of films at the left.

import { element, find } from "./dom.js";
import { text } from "./texts.js";

function entry(desk, film) {
  const picture = desk.thumbs.get(film.sha256);
  const isChosen = film.sha256 === desk.work.chosen;
  const judged = film.sentences.filter((one) => one.state !== "proposed").length;
  const uncertainty = desk.uncertainties.get(film.sha256);
  const notes = [
    film.sentences.length ? text("judged", { judged, all: film.sentences.length }) : null,
    uncertainty === undefined || uncertainty === null ? null : text("uncertainty", { value: uncertainty.toFixed(2) }),
  ].filter(Boolean).join(" · ");
  return element(
    "li", {},
    element(
      "button",
      { type: "button", class: "film", "aria-current": isChosen ? "true" : null, title: film.name,
        onclick: () => desk.work.choose(film.sha256) },
      picture
        ? element("img", { src: picture, alt: "", width: "88", height: "88" })
        : element("span", { class: "missing" }, text("missing")),
      element("span", { class: "name" }, film.name),
      notes ? element("small", {}, notes) : null,
    ),
  );
}

/** Fills the list. */
export function showFilms(desk) {
  find("#films").replaceChildren(...desk.work.films.map((film) => entry(desk, film)));
}
