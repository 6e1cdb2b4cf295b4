// The sentences of a film with their verdicts: what the model and the person say of it.

import { element, find, icon } from "./dom.js";
import { text } from "./texts.js";

const button = (desk, action, sentence, isPressed = null) =>
  element(
    "button",
    {
      type: "button", class: `quiet verdict ${action}`, title: text(action),
      "aria-label": text(`${action}_sentence`, { words: sentence.text || sentence.phrase || "" }),
      "aria-pressed": isPressed === null ? null : String(isPressed),
      onclick: (event) => {
        event.stopPropagation();
        desk.act(action, sentence.id);
      },
    },
    icon(action),
  );

const scoreOf = ({ boxes }) => {
  const scores = boxes.map((box) => box.score).filter((score) => score !== null);
  return scores.length ? Math.max(...scores).toFixed(2) : null;
};

function origin(sentence, hidden) {
  const parts = [text(`kind_${sentence.kind}`)];
  if (sentence.phrase && sentence.kind !== "phrase") parts.push(`“${sentence.phrase}”`);
  if (sentence.boxes.length > 1) parts.push(text("box_count", { count: sentence.boxes.length }));
  if (sentence.source) parts.push(text("from_study", { study: sentence.source }));
  if (scoreOf(sentence)) parts.push(text("best_score", { score: scoreOf(sentence) }));
  if (hidden) parts.push(text("hidden_boxes", { count: hidden }));
  return parts.join(" · ");
}

function words(desk, sentence) {
  if (desk.editing !== sentence.id) {
    const isAsked = sentence.kind === "phrase";
    const phrase = isAsked && element("p", { class: "phrase words" }, sentence.phrase);
    const words = sentence.text || (isAsked && sentence.boxes.length ? null : nothing(sentence));
    return element("div", {}, phrase || null,
      words && element("p", { class: sentence.text ? "words" : "words none" }, words));
  }
  const field = element("textarea", {
    rows: "3", "aria-label": text("edit_label"), maxlength: "2000",
    onkeydown: (event) => {
      if (event.key === "Escape") desk.stopEditing(null);
      else if (event.key === "Enter" && !event.shiftKey) desk.stopEditing(field.value);
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    onblur: () => desk.editing === sentence.id && !desk.isRedrawn && desk.stopEditing(field.value),
  });
  field.value = sentence.text ?? "";
  return field;
}

const nothing = ({ kind, boxes }) =>
  kind === "phrase" ? text(boxes.length ? "boxes_only" : "nothing_found") : text("no_sentence");

function card(desk, sentence, number) {
  const isChosen = sentence.id === desk.sentence;
  const verdict = sentence.state;
  const node = element(
    "div",
    {
      class: `card ${verdict}${isChosen ? " chosen" : ""}${sentence.id === desk.lit ? " lit" : ""}`,
      "data-sentence": sentence.id, tabindex: "0", role: "group",
      "aria-label": text("sentence_label", {
        number, words: [sentence.phrase, sentence.text || nothing(sentence)].filter(Boolean).join(": "),
        state: text(`state_${verdict}`),
      }),
      onpointerenter: () => desk.light(sentence.id),
      onpointerleave: () => desk.light(null),
      onfocus: () => desk.choose(sentence.id),
    },
    element("span", { class: "number", "aria-hidden": "true" }, String(number)),
    element("div", { class: "body" }, words(desk, sentence),
      element("p", { class: "origin" }, origin(sentence, desk.hidden(sentence)))),
    element("div", { class: "verdicts" },
      button(desk, "accept", sentence, verdict === "accepted" || verdict === "edited"),
      button(desk, "edit", sentence),
      button(desk, "reject", sentence, verdict === "rejected"),
      button(desk, "remove", sentence)),
  );
  return element("li", {}, node);
}

/** Fills the tab with the sentences of the chosen film. */
export function showSentences(desk) {
  const sheet = find("#sentences");
  const { film } = desk.work;
  const focused = document.activeElement?.closest?.(".card")?.dataset.sentence;
  const listed = film?.sentences ?? [];
  // An answer may come while a person writes: what is written stays.
  const written = desk.editing && find("textarea", sheet);
  const draft = written && [written.value, written.selectionStart, written.selectionEnd];
  desk.isRedrawn = true;
  find("#count").textContent = listed.length || "";
  sheet.replaceChildren(
    ...(desk.offers.has("report")
      ? [element("div", { class: "actions" }, element(
        "button", { type: "button", disabled: !film, onclick: () => desk.act("report") }, text("write_report"),
      ))]
      : []),
    listed.length
      ? element("ol", { class: "cards" }, ...listed.map((one, place) => card(desk, one, place + 1)))
      : element("p", { class: "hint" }, text(film ? desk.hintForSentences() : "hint_open")),
  );
  if (focused && !desk.editing) find(`.card[data-sentence="${focused}"]`, sheet)?.focus({ preventScroll: true });
  desk.isRedrawn = false;
  const field = desk.editing && find("textarea", sheet);
  if (!field) return;
  field.focus();
  if (draft) [field.value, field.selectionStart, field.selectionEnd] = draft;
}

/** Marks one card as lit or chosen without drawing the list anew. */
export function markSentences(desk) {
  for (const node of document.querySelectorAll(".card")) {
    node.classList.toggle("lit", node.dataset.sentence === desk.lit);
    node.classList.toggle("chosen", node.dataset.sentence === desk.sentence);
  }
}
