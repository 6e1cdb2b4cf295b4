// Studies of the server's archive: look for them, choose one, and its films are opened.

import * as api from "./api.js";
import { element, find } from "./dom.js";
import { text } from "./texts.js";

const FIELDS = [["patient", "text"], ["name", "text"], ["since", "date"], ["until", "date"]];

const day = (date) => (/^\d{8}$/.test(date) ? `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}` : text("not_stated"));

function entry(study, open) {
  const about = [study.description, study.modalities.join("/"), study.objects === null ? null : text("objects", { count: study.objects })];
  return element("li", {}, element(
    "button", { type: "button", "data-study": study.study, onclick: () => open(study) },
    element("strong", {}, `${day(study.date)}  ${study.patient_id}  ${study.patient_name}`),
    element("small", {}, about.filter(Boolean).join(" · ")),
  ));
}

/** Shows the search; `opened` gets the films of the study that is chosen. */
export function showArchive(desk, opened) {
  const dialog = find("#archive");
  const inputs = FIELDS.map(([name, type]) => element("input", { id: `archive-${name}`, type, maxlength: "64", autocomplete: "off" }));
  const fields = FIELDS.map(([name], place) => element(
    "div", { class: "field" }, element("label", { for: `archive-${name}` }, text(`archive_${name}`)), inputs[place]));
  const said = element("p", { class: "hint", role: "status" }, text("archive_hint"));
  const list = element("ul", { class: "formats" });
  const say = (problem) => { said.textContent = desk.words(problem); };
  const open = async (study) => {
    said.textContent = text("archive_opening");
    try {
      const found = await api.filmsOfArchive(study.study);
      if (found.films.length) dialog.close();
      else said.textContent = [text("archive_no_films"), ...found.left_out].join("; ");
      await opened(found);
    } catch (problem) {
      say(problem);
    }
  };
  const search = async () => {
    said.textContent = text("archive_searching");
    list.replaceChildren();
    const [patient, name, since, until] = inputs.map((input) => input.value.trim().replaceAll(/^(\d{4})-(\d\d)-(\d\d)$/g, "$1$2$3"));
    try {
      const studies = await api.studiesOfArchive({ patient, name, since, until });
      said.textContent = text("archive_found", { count: studies.length });
      list.replaceChildren(...studies.map((study) => entry(study, open)));
    } catch (problem) {
      say(problem);
    }
  };
  dialog.replaceChildren(
    element("h2", { id: "archive-title" }, text("archive")),
    element("form", { class: "search", onsubmit: (event) => { event.preventDefault(); search(); } }, ...fields,
      element("button", { class: "primary" }, text("search"))),
    said, list,
    element("form", { method: "dialog" }, element("button", {}, text("close"))),
  );
  dialog.setAttribute("aria-labelledby", "archive-title");
  dialog.showModal();
}
