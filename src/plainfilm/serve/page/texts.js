// The texts of the page in the language of its reader, from `texts/LANGUAGE.json`.

import { all } from "./dom.js";

const KEY = "plainfilm-language";
export const LANGUAGES = { en: "English", "zh-Hant": "繁體中文" };

let known = {};

const wanted = () => {
  const stored = localStorage.getItem(KEY);
  if (stored in LANGUAGES) return stored;
  return navigator.languages.some((one) => /^zh/i.test(one)) ? "zh-Hant" : "en";
};

/** The text called `name`, with `{places}` filled. */
export function text(name, places = {}) {
  if (!(name in known)) throw new Error(`no text is called ${name}`);
  return known[name].replace(/\{(\w+)\}/g, (_, place) => String(places[place]));
}

/** Loads the texts of a language and writes them into the page. */
export async function speak(language = wanted()) {
  known = await (await fetch(`page/texts/${language}.json`)).json();
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  for (const node of all("[data-text]")) node.textContent = text(node.dataset.text);
  for (const node of all("[data-hint]")) node.placeholder = text(node.dataset.hint);
  for (const node of all("[data-label]")) node.setAttribute("aria-label", text(node.dataset.label));
  return language;
}

/** The name of an observation or region in this language, or as the model has it. */
export const term = (name) => known[`term:${name.toLowerCase()}`] ?? name.replaceAll("_", " ");
