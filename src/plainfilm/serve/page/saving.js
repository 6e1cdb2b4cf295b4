// Work that is kept on the server: saved a moment after each change, reopened from any browser, never overwritten
// where somebody else has saved it meanwhile.

import * as api from "./api.js";
import { choice } from "./dialogs.js";
import { element, find } from "./dom.js";
import { text } from "./texts.js";

const PAUSE_MS = 1500;
const LARGEST_HISTORY = 2 << 20; // characters of JSON; the oldest steps go first

export class Saving {
  constructor(desk) {
    this.desk = desk;
    this.kept = null; // the id and revision on the server
    this.isRunning = false;
    this.isInConflict = false;
    this.isToldOfFilms = false;
  }

  get isOffered() {
    return this.desk.offers.has("work");
  }

  start() {
    if (!this.isOffered) return;
    this.desk.work.addEventListener("changed", () => {
      clearTimeout(this.waiting);
      if (!this.desk.work.isSaved && !this.isInConflict) this.waiting = setTimeout(() => this.store(), PAUSE_MS);
    });
  }

  record() {
    const { work, model } = this.desk;
    return { work: work.document(model), past: newest(work.past), future: newest(work.future) };
  }

  /** Saves the work as it is now; what changes meanwhile is saved after. */
  async store(isAsked = false) {
    clearTimeout(this.waiting);
    const { desk } = this;
    if (!this.kept && !desk.work.films.length) return;
    this.isAsked ||= isAsked;
    if (this.isRunning) {
      this.isDue = true;
      return;
    }
    this.isRunning = true;
    desk.work.isSaved = true;
    try {
      const record = this.record();
      this.kept = this.kept
        ? await api.replaceWork(this.kept.work_id, { ...record, revision: this.kept.revision })
        : await api.createWork(record);
      this.isInConflict = false;
      if (this.isAsked) desk.say(text("saved_on_server"));
      this.isAsked = false;
      this.tellOfFilms();
    } catch (problem) {
      desk.work.isSaved = false;
      if (problem.code === "conflict") await this.settle();
      else if (problem.code === "not_found") await this.again();
      else desk.complain(problem);
    } finally {
      this.isRunning = false;
    }
    if (this.isDue) {
      this.isDue = false;
      await this.store();
    }
  }

  /** Says once that not all films that are open were kept: there is no room for them. */
  tellOfFilms() {
    const { desk } = this;
    const open = desk.work.films.filter(({ sha256 }) => desk.opened.has(sha256)).length;
    const count = open - this.kept.kept;
    if (count <= 0 || this.isToldOfFilms || !desk.offers.has("kept_films")) return;
    this.isToldOfFilms = true;
    desk.say(text("films_not_kept", { count }), true);
  }

  /** Somebody has removed the work: it is kept as new. */
  async again() {
    this.kept = null;
    this.isDue = true;
  }

  /** Somebody else has saved this work: a person decides which of the two goes on. */
  async settle() {
    this.isInConflict = true;
    const answer = await choice(text("conflict_title"), text("conflict"), ["theirs", "mine"].map((name) => ({ name, words: text(`conflict_${name}`) })));
    if (answer === "theirs") {
      const mine = this.record();
      if (mine.work.films.length) await api.createWork(mine);
      await this.open(this.kept.work_id);
    }
    if (answer === "mine") {
      this.kept = null;
      this.isInConflict = false;
      this.isDue = true;
    }
  }

  async open(id) {
    const stored = await api.work(id);
    await this.desk.findHeld();
    this.kept = { work_id: stored.work_id, revision: stored.revision };
    this.isInConflict = false;
    this.desk.work.reset(stored.work, stored.past, stored.future);
    this.desk.bringFilms();
  }

  /** Lists what is kept, to open or to remove. */
  async list() {
    const { desk } = this;
    if (!desk.work.isSaved && desk.work.films.length) await this.store();
    const dialog = find("#works");
    const works = await api.works();
    const act = (run) => () => {
      dialog.close();
      Promise.resolve(run()).catch((problem) => desk.complain(problem));
    };
    const entries = works.map((one) => element(
      "li", { class: "entry" },
      element(
        "button", { type: "button", "data-work": one.work_id, onclick: act(() => this.open(one.work_id)) },
        element("strong", {}, new Date(one.saved).toLocaleString(document.documentElement.lang)),
        element("small", {}, [text("work_counts", one), one.names.join(", ")].join(" · ")),
      ),
      element("button", {
        type: "button", class: "quiet", onclick: act(() => this.remove(one)),
        "aria-label": text("remove_work", { names: one.names.join(", ") }),
      }, text("remove")),
    ));
    dialog.replaceChildren(
      element("h2", { id: "works-title" }, text("works")),
      works.length ? element("ul", { class: "formats" }, ...entries) : element("p", {}, text("no_works")),
      element("form", { method: "dialog" },
        element("button", { type: "button", onclick: act(() => this.begin()) }, text("new_work")),
        element("button", { class: "primary" }, text("close"))),
    );
    dialog.setAttribute("aria-labelledby", "works-title");
    dialog.showModal();
  }

  /** Goes on with no films; what there was stays on the server. */
  begin() {
    this.kept = null;
    this.desk.work.reset(this.desk.work.empty(this.desk.model));
  }

  async remove({ work_id: id, revision, names }) {
    const answer = await choice(text("remove_title"), text("remove_work", { names: names.join(", ") }), [{ name: "remove", words: text("remove") }]);
    if (answer !== "remove") return;
    await api.removeWork(id, this.kept?.work_id === id ? this.kept.revision : revision);
    if (this.kept?.work_id === id) this.kept = null;
    this.desk.say(text("said_removed"));
  }
}

/** The newest steps that fit. */
function newest(steps) {
  let left = LARGEST_HISTORY;
  let place = steps.length;
  while (place > 0 && (left -= JSON.stringify(steps[place - 1]).length) >= 0) place--;
  return steps.slice(place);
}
