// The dialogs: keys, exports, a question with two answers, and the token.

import { element, find } from "./dom.js";
import { text } from "./texts.js";

const GROUPS = ["film", "view", "answers", "page"];

const keyName = (key) =>
  key.split("+").filter(Boolean).map((part) => element("kbd", {}, part)).flatMap((node, place) =>
    place ? ["+", node] : [node]);

const closing = (dialog) =>
  element("button", { type: "button", class: "primary", onclick: () => dialog.close() }, text("close"));

/** Lists every key. */
export function showHelp(keys, isOffered) {
  const dialog = find("#help");
  const groups = GROUPS.map((group) => {
    const rows = keys.filter((one) => one.group === group && isOffered(one.action)).map(({ key, action, on }) =>
      element("tr", {}, element("td", {}, ...(key === "+" ? [element("kbd", {}, "+")] : keyName(key))),
        element("th", { scope: "row" }, text(`do_${action}`) + (on ? ` (${text(`on_${on}`)})` : ""))));
    return element("section", {}, element("h3", {}, text(`group_${group}`)), element("table", {}, ...rows));
  });
  dialog.replaceChildren(
    element("h2", { id: "help-title" }, text("help_title")),
    element("p", {}, text("help_mouse")),
    element("div", { class: "columns" }, ...groups),
    element("p", { class: "fine" }, text("notice_long")),
    element("form", { method: "dialog" }, closing(dialog)),
  );
  dialog.setAttribute("aria-labelledby", "help-title");
  dialog.showModal();
  dialog.scrollTop = 0; // its button, which has the focus, is at the end
}

/** Offers the formats of export: [{ name, run }]. */
export function showExports(formats) {
  const dialog = find("#exports");
  const buttons = formats.map(({ name, run }) =>
    element("li", {}, element("button", {
      type: "button", "data-format": name, onclick: () => { dialog.close(); run(); },
    }, element("strong", {}, text(`export_${name}`)), element("small", {}, text(`export_${name}_why`)))));
  dialog.replaceChildren(
    element("h2", { id: "exports-title" }, text("export_title")),
    element("ul", { class: "formats" }, ...buttons),
    element("form", { method: "dialog" }, closing(dialog)),
  );
  dialog.setAttribute("aria-labelledby", "exports-title");
  dialog.showModal();
}

/** Asks a person to choose: [{ name, words }]; the answer is a name, or "" if there is none. */
export function choice(title, words, answers) {
  const dialog = find("#question");
  dialog.replaceChildren(
    element("h2", { id: "question-title" }, title),
    element("p", {}, words),
    element("form", { method: "dialog", class: "row" },
      ...answers.map(({ name, words: label }) => element("button", { class: "primary", value: name }, label)),
      element("button", { value: "" }, text("cancel"))),
  );
  dialog.setAttribute("aria-labelledby", "question-title");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true });
  });
}

/** Asks for one line of text; the answer is `null` if there is none. */
export function askFor(title, label, isSecret = false) {
  const dialog = find("#question");
  const input = element("input", { id: "answer", type: isSecret ? "password" : "text", autocomplete: "off" });
  dialog.replaceChildren(
    element("h2", { id: "question-title" }, title),
    element("form", { method: "dialog" }, element("label", { for: "answer" }, label), input,
      element("button", { class: "primary", value: "given" }, text("go_on"))),
  );
  dialog.setAttribute("aria-labelledby", "question-title");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue ? input.value : null), { once: true });
  });
}
