// Starts the workbench.

import * as api from "./api.js";
import { Desk } from "./desk.js";
import { askFor } from "./dialogs.js";
import { all, element, find } from "./dom.js";
import * as keyboard from "./keys.js";
import { LANGUAGES, speak, text } from "./texts.js";

const MODEL_TRIES = 3;

async function modelFacts() {
  for (let tries = 0; tries < MODEL_TRIES; tries++) {
    try {
      return await api.model();
    } catch (problem) {
      if (problem.code !== "token_missing") throw problem;
      const token = await askFor(text("token_title"), text("token_label"), true);
      if (token) api.setToken(token);
    }
  }
  throw new Error(text("token_wrong"));
}

function offerOnlyWhatIsThere(offers) {
  for (const node of all("[data-needs]")) {
    const isOffered = node.dataset.needs.split(" ").some((name) => offers.has(name));
    if (!isOffered) node.remove();
  }
  for (const node of all("[data-without]")) if (offers.has(node.dataset.without)) node.remove();
}

function listenToLanguage(desk, language) {
  const select = find("#language");
  select.replaceChildren(...Object.entries(LANGUAGES).map(([value, name]) => element("option", { value }, name)));
  select.value = language;
  select.addEventListener("change", async () => {
    await speak(select.value);
    desk.say(""); // what was said last is in the other language
    desk.show();
  });
}

function listenToFiles(desk) {
  const chooser = find("#chooser");
  chooser.addEventListener("change", () => {
    desk.openFiles([...chooser.files]);
    chooser.value = "";
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    desk.openFiles([...event.dataTransfer.files]);
  });
  addEventListener("beforeunload", (event) => {
    if (!desk.work.isSaved) event.preventDefault();
  });
}

async function start() {
  const language = await speak();
  const [model, keys] = await Promise.all([modelFacts(), keyboard.load()]);
  const desk = new Desk(model, keys);
  offerOnlyWhatIsThere(desk.offers);
  find("#model-name").textContent = model.name;
  for (const node of all("[data-action]")) {
    const { key } = keys.find((one) => one.action === node.dataset.action && !one.on) ?? {};
    if (key) node.title = `${node.textContent.trim()} (${key})`;
    node.addEventListener("click", () => desk.act(node.dataset.action));
  }
  listenToLanguage(desk, language);
  listenToFiles(desk);
  keyboard.listen(keys, (action) => desk.act(action));
  desk.start();
  document.body.dataset.ready = "true";
}

start().catch((problem) => {
  const alert = find("#problem");
  alert.textContent = problem.message;
  alert.hidden = false;
});
