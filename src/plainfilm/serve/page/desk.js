// What a person does on the page: each action in one place, whether it comes from a key, a button or a box.

import * as api from "./api.js";
import { found, load, sentenceOf } from "./asking.js";
import { Beside } from "./beside.js";
import { Boxes, labelOf } from "./boxes.js";
import { showExports, showHelp } from "./dialogs.js";
import { all, element, find, framed } from "./dom.js";
import { download, exportFormats, readSaved } from "./exports.js";
import { showFacts } from "./facts.js";
import { showFilms } from "./films.js";
import { showFindings } from "./findings.js";
import { hideHeat, showHeat } from "./heat.js";
import { markSentences, showSentences } from "./sentences.js";
import { showSimilar } from "./similar.js";
import { text } from "./texts.js";
import { Saving } from "./saving.js";
import { showArchive } from "./archive.js";
import { Viewport } from "./viewport.js";
import { showStatus } from "./status.js";
import { Work, newId, sentence } from "./work.js";

const TABS = ["sentences", "findings", "similar", "facts"];
const PAN = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
const SHOWN_MS = 9000;

export class Desk {
  constructor(model, keys) {
    this.model = model;
    this.keys = keys;
    this.offers = new Set(model.offers);
    this.work = new Work();
    this.viewport = new Viewport(find("#viewport"));
    this.boxes = new Boxes(this.viewport);
    this.beside = new Beside(this);
    this.saving = new Saving(this);
    this.opened = new Map(); // what the server says of a film, by its content
    this.opening = new Map(); // promises of the same, of films that are being opened again
    this.views = new Map(); // zoom and window of each film
    this.thumbs = new Map();
    this.uncertainties = new Map();
    this.regions = new Map();
    this.areRegionsOn = false;
    this.map = null;
    this.sentence = null;
    this.lit = null;
    this.editing = null;
    this.isRedrawn = false;
    this.similar = null;
    this.threshold = model.threshold ?? 0.5;
    this.tab = "sentences";
  }

  start() {
    const { work, viewport, boxes } = this;
    work.addEventListener("changed", () => this.show());
    work.addEventListener("chosen", () => this.showFilm().catch((problem) => this.complain(problem)));
    api.onGone((id) => this.openGone(id));
    let point = null;
    const pointed = framed(() => showStatus(this, point));
    viewport.addEventListener("hovered", ({ detail }) => {
      point = detail;
      pointed();
    });
    viewport.addEventListener("placed", () => showStatus(this));
    viewport.addEventListener("windowed", () => {
      this.press("invert", viewport.window.inverted);
      showStatus(this);
    });
    boxes.addEventListener("drawn", ({ detail }) => this.addBox(detail));
    boxes.addEventListener("moved", ({ detail }) => this.moveBox(detail));
    boxes.addEventListener("selected", ({ detail }) => detail && this.choose(detail, false));
    boxes.addEventListener("hovered", ({ detail }) => this.light(detail));
    find("#ask")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(find("#phrase").value.trim());
    });
    find("#phrase")?.addEventListener("input", () => this.tab === "similar" && showSimilar(this));
    find("#threshold")?.addEventListener("input", ({ target }) => {
      this.threshold = Number(target.value);
      find("#threshold-value").textContent = this.threshold.toFixed(2);
      this.showBoxes();
      showSentences(this);
      this.beside.show();
    });
    for (const tab of all("[role=tab]")) {
      tab.addEventListener("click", () => this.turnTo(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => this.walkTabs(event));
    }
    find("#viewport").addEventListener("keydown", (event) => this.panByKey(event, this.viewport));
    find("#phrases")?.replaceChildren(
      ...[...this.model.observations, ...this.model.regions].map((value) =>
        element("option", { value: value.replaceAll("_", " ").toLowerCase() })));
    if (find("#threshold-value")) {
      find("#threshold").value = this.threshold;
      find("#threshold-value").textContent = this.threshold.toFixed(2);
    }
    this.beside.start();
    this.saving.start();
    this.useTool("window");
    this.turnTo("sentences");
    this.show();
  }

  // Actions by name; one that has nothing to act on does nothing.

  act(action, sentenceId = this.sentence) {
    const film = this.work.film;
    const isThere = film && this.opened.has(film.sha256);
    const viewport = this.viewInUse();
    const chosen = film?.sentences.find((one) => one.id === sentenceId);
    const { low, high } = viewport.window;
    const step = (high - low) / 20;
    const always = {
      open: () => find("#chooser").click(),
      undo: () => this.work.undo(),
      redo: () => this.work.redo(),
      help: () => showHelp(this.keys, (name) => this.isOffered(name)),
      leave: () => this.leave(),
      ask: () => find("#phrase")?.focus(),
      queue: () => this.queue(),
      archive: () => showArchive(this, (found) => this.openHeld(found)),
      works: () => this.saving.list(),
      "tool-window": () => this.useTool("window"),
      "tool-pan": () => this.useTool("pan"),
      "tool-box": () => this.useTool("box"),
      ...Object.fromEntries(TABS.map((tab) => [tab, () => this.turnTo(tab, true)])),
    };
    const withWork = {
      save: () => this.save(),
      export: () => showExports(exportFormats(this)),
      "next-film": () => this.walkFilms(1),
      "previous-film": () => this.walkFilms(-1),
      "next-sentence": () => this.walkSentences(1),
      "previous-sentence": () => this.walkSentences(-1),
    };
    const withFilm = {
      map: () => this.toggleMap(),
      report: () => this.writeReport(),
      regions: () => this.toggleRegions(),
      beside: () => this.beside.toggle(),
      "place-box": () => this.placeBox(),
      darker: () => viewport.moveWindow(step, 0),
      brighter: () => viewport.moveWindow(-step, 0),
      narrower: () => viewport.moveWindow(0, -2 * step),
      wider: () => viewport.moveWindow(0, 2 * step),
      "reset-window": () => viewport.resetWindow(),
      invert: () => viewport.invert(),
      "zoom-in": () => viewport.zoom(1),
      "zoom-out": () => viewport.zoom(-1),
      fit: () => viewport.fit(),
      "true-size": () => this.trueSize(viewport),
      rotate: () => viewport.rotate(),
    };
    const withSentence = {
      accept: () => this.judge(chosen, "accepted"),
      reject: () => this.judge(chosen, "rejected"),
      edit: () => this.edit(chosen),
      remove: () => this.remove(chosen),
      describe: () => this.describe(film, chosen),
    };
    const run =
      always[action] ?? (film && withWork[action]) ?? (isThere && withFilm[action]) ??
      (chosen && withSentence[action]);
    if (!run || !this.isOffered(action)) return false;
    Promise.resolve(run()).catch((problem) => this.complain(problem));
    return true;
  }

  /** The view that keys and buttons act on: the one beside while it has the focus. */
  viewInUse() {
    const { viewport } = this.beside;
    return viewport.facts && document.activeElement === viewport.node ? viewport : this.viewport;
  }

  isOffered(action) {
    const needs = { map: "map", report: "report", regions: "locate", describe: "describe", findings: "findings", similar: "similar", archive: "archive", works: "work" };
    const isAsking = action === "ask" && !this.offers.has("locate") && !this.offers.has("map");
    return !isAsking && (!(action in needs) || this.offers.has(needs[action]));
  }

  // Films

  async openFiles(files) {
    for (const file of files) {
      try {
        if (/\.json$/i.test(file.name)) {
          const saved = await readSaved(file);
          await this.findHeld();
          this.work.restore(saved);
          this.bringFilms();
        } else {
          await this.openFilm(file);
        }
      } catch (problem) {
        this.complain(problem, file.name);
      }
    }
  }

  async openFilm(file) {
    this.busy(text("opening", { name: file.name }));
    await this.takeFilm(await api.upload(file));
  }

  /** Takes the films of a study that the server has opened. */
  async openHeld({ films, left_out: leftOut }) {
    for (const facts of films) await this.takeFilm(facts);
    if (leftOut.length) this.say(text("left_out", { reasons: leftOut.join("; ") }), true);
  }

  async takeFilm(facts) {
    this.opened.set(facts.sha256, facts);
    const film = this.work.addFilm(facts);
    this.say(text("opened", { name: facts.name, width: facts.width, height: facts.height }));
    if (this.offers.has("findings") && !film.findings.length) await this.findFindings(film);
  }

  /** Finds which films the server holds now: those of saved work may be among them. */
  async findHeld() {
    this.opened = new Map((await api.films()).map((facts) => [facts.sha256, facts]));
  }

  /** Opens a film again from the copy that was kept with saved work; `null` where there is none. */
  async reopen(film) {
    if (!this.offers.has("kept_films")) return null;
    if (!this.opening.has(film.sha256)) this.opening.set(film.sha256, api.reopened(film));
    try {
      const facts = await this.opening.get(film.sha256);
      this.opened.set(film.sha256, facts);
      return facts;
    } catch (problem) {
      if (problem.code !== "not_found") throw problem;
      return null;
    } finally {
      this.opening.delete(film.sha256);
    }
  }

  /** The new id of a film that the server no longer holds, opened again; `null` where it cannot be. */
  async openGone(id) {
    const facts = [...this.opened.values()].find((one) => one.film_id === id);
    if (!facts) return null;
    const again = await this.reopen(facts);
    if (!again) {
      this.opened.delete(facts.sha256);
      this.show();
    }
    return again?.film_id ?? null;
  }

  /** Opens the films of saved work again, one after another, and shows them in the list. */
  async bringFilms() {
    const { films } = this.work;
    for (const film of [...films]) {
      if (films !== this.work.films) return; // other work was opened meanwhile
      try {
        const facts = this.opened.get(film.sha256) ?? (await this.reopen(film));
        if (!facts || this.thumbs.has(film.sha256)) continue;
        this.thumbs.set(film.sha256, await thumbnail(await api.display(facts.film_id)));
        this.show();
      } catch (problem) {
        this.complain(problem, film.name);
      }
    }
  }

  async showFilm() {
    const { film } = this.work;
    const { viewport } = this;
    if (this.showing) this.views.set(this.showing, viewport.view());
    this.showing = null;
    this.sentence = null;
    this.map = null;
    this.similar = null;
    hideHeat(viewport.node);
    this.press("map", false);
    this.show();
    find("#empty").hidden = Boolean(film);
    viewport.clear();
    const facts = this.opened.get(film?.sha256) ?? (film && (await this.reopen(film)));
    if (film?.sha256 !== this.work.film?.sha256) return; // another one was chosen meanwhile
    if (!facts) {
      if (film) this.say(text("film_missing", { name: film.name }), true);
      return;
    }
    const isWanted = () => this.work.chosen === facts.sha256;
    await load(viewport, facts, this.views.get(facts.sha256), isWanted, async (bitmap) => {
      this.showing = facts.sha256;
      if (!this.thumbs.has(facts.sha256)) this.thumbs.set(facts.sha256, await thumbnail(bitmap));
      this.show();
      if (this.areRegionsOn) await this.findRegions();
    });
  }

  walkFilms(way) {
    const { films, chosen } = this.work;
    const place = films.findIndex((one) => one.sha256 === chosen) + way;
    if (films[place]) this.work.choose(films[place].sha256);
  }

  /** Orders the films by how uncertain the model is of their findings, the most uncertain first. */
  async queue() {
    await this.findHeld();
    await this.bringFilms();
    const ids = this.work.films.map((film) => this.opened.get(film.sha256)?.film_id).filter(Boolean);
    let job = await api.startJob(ids);
    while (job.state === "waiting" || job.state === "running") {
      this.busy(text("queue_runs", { done: job.done, films: job.films }));
      await new Promise((resolve) => setTimeout(resolve, 400));
      job = await api.job(job.job_id);
    }
    const byId = new Map([...this.opened.values()].map((facts) => [facts.film_id, facts.sha256]));
    for (const one of job.answers) this.uncertainties.set(byId.get(one.film_id), one.uncertainty ?? null);
    const of = (film) => this.uncertainties.get(film.sha256) ?? -1;
    this.work.films.sort((one, other) => of(other) - of(one));
    this.say(text("queue_done"));
    this.show();
  }

  // Questions to the model

  filmId(film = this.work.film) {
    return this.opened.get(film?.sha256)?.film_id;
  }

  async findFindings(film) {
    const findings = await api.findings(this.filmId(film));
    this.work.note((one) => { one.findings = findings; }, film);
  }

  async ask(phrase) {
    const { film } = this.work;
    if (!phrase || !this.filmId() || !this.offers.has("locate")) return;
    find("#phrase").value = phrase;
    this.busy(text("asking", { phrase }));
    try {
      const answer = await found(this.filmId(), phrase, this.model);
      const added = sentence("phrase", { phrase, text: answer.sentence, boxes: answer.boxes });
      this.work.change((one) => one.sentences.push(added), film);
      const seen = this.seen(added).length;
      this.say(text("found", { phrase, count: seen, score: answer.boxes[0]?.score?.toFixed(2) ?? "–" }));
      this.choose(added.id);
      if (this.map) await this.showMap();
    } catch (problem) {
      this.complain(problem);
    }
  }

  async writeReport() {
    const { film } = this.work;
    this.busy(text("writing"));
    const report = await api.report(this.filmId());
    const added = report.sentences.map((one) => sentence("report", { ...one, phrase: one.prompt ?? null }));
    this.work.change((one) => {
      one.sentences = one.sentences.filter((old) => old.kind !== "report" || old.state !== "proposed");
      one.sentences.push(...added);
    }, film);
    this.say(text("written", { count: added.length }));
  }

  async describe(film, chosen) {
    const box = chosen.boxes.find((one) => one.box_id === this.boxes.selected) ?? chosen.boxes[0];
    const words = await sentenceOf(this.filmId(film), box, this.model);
    if (words === null) return;
    this.changeSentence(chosen.id, (one) => { one.text = words; }, film);
    this.say(words || text("no_sentence"));
  }

  async toggleMap() {
    if (this.map) {
      this.map = null;
      hideHeat(this.viewport.node);
      this.press("map", false);
      return;
    }
    await this.showMap();
  }

  async showMap() {
    const phrase = find("#phrase").value.trim();
    if (!phrase) {
      find("#phrase").focus();
      return;
    }
    this.busy(text("asking", { phrase }));
    this.map = await api.similarityMap(this.filmId(), phrase);
    showHeat(this.map, this.viewport.node);
    this.press("map", true);
    this.say(text("map_shown", { phrase, low: this.map.low.toFixed(3), high: this.map.high.toFixed(3) }));
  }

  async toggleRegions() {
    this.areRegionsOn = !this.areRegionsOn;
    this.press("regions", this.areRegionsOn);
    if (this.areRegionsOn) await this.findRegions();
    this.showBoxes();
  }

  async findRegions() {
    const { sha256 } = this.work.film;
    if (!this.regions.has(sha256)) {
      this.busy(text("finding_regions"));
      const found = await api.locate(this.filmId(), this.model.regions);
      this.regions.set(sha256, found.filter((one) => one.boxes.length).map(({ text: name, boxes: [box] }) => ({ name, box })));
    }
    this.say(text("regions_shown", { count: this.seenRegions().length }));
    this.showBoxes();
  }

  async findSimilar(phrase) {
    const { film } = this.work;
    const results = phrase ? await api.similarToText(phrase) : await api.similarToFilm(this.filmId());
    this.similar = { results, what: phrase ? `“${phrase}”` : film.name };
    showSimilar(this);
    this.say(text("similar_found", { count: results.length }));
  }

  // What a person does with sentences and boxes

  changeSentence(id, step, film = this.work.film) {
    this.work.change((one) => step(one.sentences.find((each) => each.id === id)), film);
  }

  take(item) {
    const added = sentence("own", { text: item.text, origin: "bank", source: item.study_id });
    this.work.change((film) => film.sentences.push(added));
    this.turnTo("sentences");
    this.choose(added.id);
  }

  judge(chosen, state) {
    const box = chosen.boxes.find((one) => one.box_id === this.boxes.selected);
    const isOnBox = box && document.activeElement?.dataset?.box === box.box_id && chosen.boxes.length > 1;
    this.changeSentence(chosen.id, (one) => {
      const target = isOnBox ? one.boxes.find((each) => each.box_id === box.box_id) : one;
      const isChanged = one.text !== one.original.text || one.boxes.some((each) => each.state === "edited");
      const accepted = state === "accepted" && isChanged && !isOnBox ? "edited" : state;
      target.state = target.state === accepted ? "proposed" : accepted;
      if (target === one && target.state === accepted && state !== "rejected") this.leaveUnseen(one);
    });
    this.say(text(`said_${state}`));
  }

  edit(chosen) {
    this.turnTo("sentences");
    this.choose(chosen.id, false);
    this.editing = chosen.id;
    showSentences(this);
  }

  stopEditing(words) {
    const id = this.editing;
    this.editing = null;
    const chosen = this.work.film?.sentences.find((one) => one.id === id);
    if (words !== null && chosen && words.trim() !== (chosen.text ?? "")) {
      this.changeSentence(id, (one) => {
        Object.assign(one, { text: words.trim(), state: "edited" });
        this.leaveUnseen(one);
      });
    } else showSentences(this);
    find(`.card[data-sentence="${id}"]`)?.focus({ preventScroll: true });
  }

  remove(chosen) {
    const box = chosen.boxes.find((one) => one.box_id === document.activeElement?.dataset?.box);
    const isOne = box && chosen.boxes.length > 1;
    this.work.change((film) => {
      if (isOne) {
        const left = film.sentences.find((one) => one.id === chosen.id);
        left.boxes = left.boxes.filter((one) => one.box_id !== box.box_id);
      } else film.sentences = film.sentences.filter((one) => one.id !== chosen.id);
    });
    this.viewport.node.focus({ preventScroll: true });
    this.say(text("said_removed"));
  }

  async addBox(box) {
    const { film } = this.work;
    const added = sentence("box", { boxes: [box], origin: "person" });
    this.work.change((one) => one.sentences.push(added), film);
    this.choose(added.id);
    this.boxes.focus(added.boxes[0].box_id);
    try {
      const words = await sentenceOf(this.filmId(film), box, this.model);
      if (words !== null) {
        this.work.amend((one) => this.putWords(one, added.id, words), film);
        this.say(words || text("no_sentence"));
      }
    } catch (problem) {
      this.complain(problem);
    }
  }

  putWords(film, id, words) {
    const added = film.sentences.find((one) => one.id === id);
    if (added && added.text === added.original.text) {
      added.text = words;
      added.original.text = words;
    }
  }

  /** A box of a quarter of the film in the middle of the view, to be moved by keyboard. */
  placeBox() {
    const { film, placement } = this.viewport;
    const [x, y] = placement.toFilm(placement.screen.width / 2, placement.screen.height / 2);
    const [cx, cy] = [Math.min(Math.max(x, 0), film.width), Math.min(Math.max(y, 0), film.height)];
    const [w, h] = [film.width / 8, film.height / 8];
    const clip = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
    return this.addBox({
      x0: clip(cx - w, film.width), y0: clip(cy - h, film.height), x1: clip(cx + w, film.width), y1: clip(cy + h, film.height),
    });
  }

  /** A box at its new place; a box that a person drew is described anew while its sentence is the model's. */
  async moveBox({ sentence: { id }, box }) {
    const { film } = this.work;
    this.changeSentence(id, (one) => {
      const target = one.boxes.find((each) => each.box_id === box.box_id);
      Object.assign(target, { x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1 });
      if (one.kind !== "box") target.state = "edited";
    });
    const moved = film && this.work.film.sentences.find((one) => one.id === id);
    if (moved?.kind !== "box" || moved.text !== moved.original.text) return;
    clearTimeout(this.describing);
    this.describing = setTimeout(async () => {
      try {
        const words = await sentenceOf(this.filmId(film), box, this.model);
        if (words === null) return;
        this.work.amend((one) => this.putWords(one, id, words), film);
        this.say(words || text("no_sentence"));
      } catch (problem) {
        this.complain(problem);
      }
    }, 250);
  }

  label(name, state) {
    this.work.change((film) => {
      if (state === null) delete film.labels[name];
      else film.labels[name] = state;
    });
  }

  set(name, value) {
    this.work.change((film) => { film[name] = value; });
  }

  // What is shown

  /** The boxes of a sentence that a person sees: those of a person, and those above the threshold. */
  seen(one) {
    const isSure = (box) => box.score === null || box.score >= this.threshold || box.state !== "proposed";
    return one.boxes.filter(isSure);
  }

  /** Takes the boxes that nobody sees from a sentence that a person stands for. */
  leaveUnseen(one) {
    one.boxes = this.seen(one);
  }

  hidden(one) {
    return one.boxes.length - this.seen(one).length;
  }

  seenRegions() {
    const found = this.areRegionsOn ? this.regions.get(this.work.chosen) ?? [] : [];
    return found.filter(({ box }) => box.score >= this.threshold);
  }

  show() {
    showFilms(this);
    this.showBoxes();
    showSentences(this);
    showFindings(this);
    if (this.offers.has("similar")) showSimilar(this);
    showFacts(this);
    showStatus(this);
    this.beside.show();
    const { work } = this;
    const isThere = this.opened.has(work.film?.sha256);
    for (const node of all("[data-action]")) {
      const { action } = node.dataset;
      const needs = { undo: work.past.length, redo: work.future.length, save: work.films.length, export: work.films.length };
      const needsFilm = ["fit", "true-size", "rotate", "invert", "reset-window", "regions", "map", "beside"].includes(action);
      node.disabled = (action in needs && !needs[action]) || (needsFilm && !isThere) ||
        (action === "true-size" && !work.film?.spacing_mm);
    }
    find("#queue").hidden = !this.offers.has("findings") || work.films.length < 2;
  }

  showBoxes() {
    const { film } = this.work;
    if (!film || !this.opened.has(film.sha256)) {
      this.boxes.show([], []);
      return;
    }
    const shown = film.sentences.flatMap((one, place) => this.seen(one).map((box) => ({
      sentence: one, box, number: place + 1, label: labelOf(one, place + 1, box),
    })));
    this.boxes.show(shown, this.seenRegions());
  }

  choose(id, isScrolled = true) {
    this.sentence = id;
    markSentences(this);
    const card = find(`.card[data-sentence="${id}"]`);
    card?.scrollIntoView({ block: "nearest" });
    if (isScrolled && !document.activeElement?.closest?.(".card, .box, input, textarea")) card?.focus({ preventScroll: true });
    const one = this.work.film?.sentences.find((each) => each.id === id);
    if (one && !one.boxes.some((box) => box.box_id === this.boxes.selected)) this.boxes.select(null);
  }

  light(id) {
    this.lit = id;
    this.boxes.light(id);
    markSentences(this);
  }

  walkSentences(way) {
    const listed = this.work.film.sentences;
    if (!listed.length) return;
    this.turnTo("sentences");
    const place = listed.findIndex((one) => one.id === this.sentence);
    const next = listed[(place + way + listed.length) % listed.length] ?? listed[0];
    this.choose(next.id);
    find(`.card[data-sentence="${next.id}"]`)?.focus();
    this.light(next.id);
  }

  hintForSentences() {
    if (this.offers.has("locate")) return "hint_ask";
    return this.offers.has("describe") ? "hint_box" : "hint_own";
  }

  turnTo(tab, isFocused = false) {
    this.tab = tab;
    for (const node of all("[role=tab]")) {
      const isOn = node.dataset.tab === tab;
      node.setAttribute("aria-selected", String(isOn));
      node.tabIndex = isOn ? 0 : -1;
      find(`#${node.dataset.tab}`).hidden = !isOn;
      if (isOn && isFocused) node.focus();
    }
  }

  walkTabs(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    const tabs = all("[role=tab]");
    const next = tabs[(tabs.indexOf(event.target) + way + tabs.length) % tabs.length];
    event.preventDefault();
    this.turnTo(next.dataset.tab, true);
  }

  panByKey(event, viewport) {
    const step = PAN[event.key];
    if (!step || event.target !== event.currentTarget || !viewport.facts) return;
    event.preventDefault();
    viewport.pan(...step);
  }

  useTool(tool) {
    this.viewport.tool = tool;
    this.viewport.node.dataset.tool = tool;
    this.beside.useTool(tool);
    for (const node of all("[role=radio]")) {
      node.setAttribute("aria-checked", String(node.dataset.action === `tool-${tool}`));
    }
  }

  trueSize(viewport) {
    if (viewport.facts.spacing_mm) viewport.trueSize();
    else this.say(text("no_spacing"), true);
  }

  press(action, isOn) {
    find(`[data-action="${action}"]`)?.setAttribute("aria-pressed", String(isOn));
  }

  leave() {
    this.light(null);
    this.boxes.select(null);
    find("#problem").hidden = true;
    this.viewport.node.focus({ preventScroll: true });
  }

  save() {
    return this.saving.isOffered ? this.saving.store(true) : this.saveFile();
  }

  saveFile() {
    download(new Blob([JSON.stringify(this.work.document(this.model), null, 1)], { type: "application/json" }), "json");
    this.work.isSaved = true;
    this.say(text("saved"));
  }

  // What is said

  busy(words) {
    document.body.classList.add("busy");
    find("#said").textContent = words;
    this.message = words;
    showStatus(this);
  }

  say(words, isWarning = false) {
    document.body.classList.remove("busy");
    find("#said").textContent = words;
    this.message = words;
    showStatus(this);
    if (isWarning) this.alert(words);
  }

  /** A problem in words for people. */
  words(problem) {
    const code = `problem_${problem.code ?? "page"}`;
    const known = ["problem_unreachable", "problem_busy", "problem_too_large", "problem_token_missing", "problem_archive_failed"];
    return known.includes(code) ? text(code) : problem.message || text("problem_page");
  }

  complain(problem, name = "") {
    const words = this.words(problem);
    this.say(words === "not saved work" ? text("not_saved_work", { name }) : words, true);
    if (!problem.code) console.error(problem);
  }

  alert(words) {
    const node = find("#problem");
    node.textContent = words;
    node.hidden = false;
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => { node.hidden = true; }, SHOWN_MS);
  }
}

async function thumbnail(bitmap) {
  const canvas = new OffscreenCanvas(88, 88);
  const context = canvas.getContext("2d");
  const scale = Math.min(88 / bitmap.width, 88 / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (88 - width) / 2, (88 - height) / 2, width, height);
  return URL.createObjectURL(await canvas.convertToBlob());
}
