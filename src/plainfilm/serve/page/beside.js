// A second view beside the first: another phrase, another model or another film, to be compared and not edited.

import * as api from "./api.js";
import { found, load } from "./asking.js";
import { all, drawn, element, find } from "./dom.js";
import { hideHeat, showHeat } from "./heat.js";
import { marksOf } from "./marks.js";
import { text } from "./texts.js";
import { Viewport } from "./viewport.js";

export class Beside {
  constructor(desk) {
    this.desk = desk;
    this.node = find("#beside");
    this.viewport = new Viewport(find("#beside-view"));
    this.models = [desk.model, ...desk.model.others];
    this.model = desk.model.others[0] ?? desk.model;
    this.sha256 = null;
    this.answer = null;
    this.isMapOn = false;
    this.isLinked = true;
    this.onFilm = drawn("g", { class: "on-film" });
    this.onScreen = drawn("g", { class: "on-screen" });
    this.viewport.overlay.append(this.onFilm, this.onScreen);
  }

  get isOn() {
    return !this.node.hidden;
  }

  get facts() {
    return this.desk.opened.get(this.sha256);
  }

  get phrase() {
    return find("#beside-phrase").value.trim();
  }

  start() {
    const { viewport, desk } = this;
    this.link(desk.viewport, viewport);
    this.link(viewport, desk.viewport);
    desk.viewport.addEventListener("refined", () => this.isOn && this.isSame() && viewport.showSame(desk.viewport));
    viewport.addEventListener("placed", ({ detail }) => {
      this.onFilm.setAttribute("transform", `matrix(${detail.join(",")})`);
      this.placeMarks();
    });
    viewport.node.addEventListener("keydown", (event) => desk.panByKey(event, viewport));
    find("#beside-film").addEventListener("change", ({ target }) => this.choose(target.value));
    find("#beside-model").replaceChildren(
      ...this.models.map(({ name }) => element("option", { value: name, selected: name === this.model.name }, name)));
    find("#beside-model-field").hidden = this.models.length < 2;
    find("#beside-model").addEventListener("change", ({ target }) => {
      this.model = this.models.find(({ name }) => name === target.value);
      this.ask();
    });
    const isAsked = this.models.some(({ offers }) => offers.includes("locate") || offers.includes("map"));
    for (const node of all("#beside-phrase, #beside-find")) node.hidden = !isAsked;
    find("#beside-ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.press("map", () => { this.isMapOn = !this.isMapOn; return this.ask(); });
    this.press("linked", () => {
      this.isLinked = !this.isLinked;
      if (this.isLinked) viewport.follow(desk.viewport);
    });
  }

  press(name, act) {
    find(`#beside-${name}`).addEventListener("click", () => {
      Promise.resolve(act()).catch((problem) => this.desk.complain(problem));
      this.showControls();
    });
  }

  /** Has the view `to` follow `from`: its place in any film, its window where both show the same film. */
  link(from, to) {
    const follow = (what, isMeant) => () => {
      if (this.isFollowing || !this.isOn || !this.isLinked || !from.facts || !to.facts || !isMeant()) return;
      this.isFollowing = true;
      try {
        to[what](from);
      } finally {
        this.isFollowing = false;
      }
    };
    from.addEventListener("placed", follow("follow", () => true));
    from.addEventListener("windowed", follow("followWindow", () => this.isSame() && from.range.top === to.range.top));
  }

  isSame() {
    return this.sha256 !== null && this.sha256 === this.desk.viewport.facts?.sha256 && this.viewport.facts !== null;
  }

  async toggle() {
    this.node.hidden = this.isOn;
    this.desk.press("beside", this.isOn);
    this.desk.viewport.resized();
    this.viewport.resized();
    if (!this.isOn) {
      this.forget();
      this.desk.viewport.node.focus({ preventScroll: true });
      return;
    }
    const { work } = this.desk;
    const other = work.films.find((film) => film.sha256 !== work.chosen && this.desk.opened.has(film.sha256));
    const isOfOneFilm = this.models.length > 1 || !other;
    find("#beside-phrase").value = find("#phrase")?.value ?? "";
    await this.choose(isOfOneFilm ? work.chosen : other.sha256);
    find("#beside-phrase").focus();
  }

  useTool(tool) {
    this.viewport.tool = tool === "box" ? "pan" : tool;
    this.viewport.node.dataset.tool = this.viewport.tool;
  }

  forget() {
    this.sha256 = null;
    this.answer = null;
    hideHeat(this.viewport.node);
    this.viewport.clear();
  }

  async choose(sha256) {
    this.sha256 = sha256;
    this.answer = null;
    this.viewport.clear();
    this.show();
    if (!this.facts) return;
    const { viewport, desk } = this;
    this.isFollowing = true; // this view goes where the first one is, and not the other way round
    try {
      if (sha256 === desk.viewport.facts?.sha256) viewport.showSame(desk.viewport);
      else await load(viewport, this.facts, undefined, () => this.sha256 === sha256);
      if (this.isLinked) viewport.follow(desk.viewport);
    } finally {
      this.isFollowing = false;
    }
    await this.ask();
  }

  /** Asks the chosen model about the phrase; without one, the boxes of the film's own sentences are shown. */
  async ask() {
    const { phrase, model, facts, sha256 } = this;
    this.answer = null;
    hideHeat(this.viewport.node);
    this.show();
    if (!phrase || !facts) return;
    const isWanted = () => this.isOn && this.sha256 === sha256 && this.phrase === phrase && this.model === model;
    try {
      const answer = model.offers.includes("locate") ? await found(facts.film_id, phrase, model) : { boxes: [], sentence: null };
      if (!isWanted()) return;
      this.answer = { ...answer, phrase };
      this.show();
      if (!this.isMapOn || !model.offers.includes("map")) return;
      const map = await api.similarityMap(facts.film_id, phrase, model.name);
      if (isWanted() && this.isMapOn) showHeat(map, this.viewport.node);
    } catch (problem) {
      this.desk.complain(problem);
    }
  }

  /** The boxes to draw: those that were asked for, else those of the sentences of another film. */
  boxes() {
    const { desk } = this;
    const isSeen = ({ score }) => score === null || score === undefined || score >= desk.threshold;
    if (this.answer) {
      return this.answer.boxes.filter(isSeen).map((box) => ({ box, state: "proposed", words: box.score?.toFixed(2) ?? "" }));
    }
    const film = this.sha256 === desk.work.chosen ? null : desk.work.films.find((one) => one.sha256 === this.sha256);
    return (film?.sentences ?? []).flatMap((one, place) => desk.seen(one).map((box) => ({
      box, state: box.state === "proposed" ? one.state : box.state, words: String(place + 1),
    })));
  }

  show() {
    if (!this.isOn) return;
    const { desk } = this;
    if (this.sha256 && !desk.work.films.some((one) => one.sha256 === this.sha256)) this.forget();
    const films = desk.work.films.filter((film) => desk.opened.has(film.sha256));
    find("#beside-film").replaceChildren(...films.map((film) => element(
      "option", { value: film.sha256, selected: film.sha256 === this.sha256 },
      film.sha256 === desk.work.chosen ? text("same_film", { name: film.name }) : film.name)));
    this.shown = this.facts ? this.boxes() : [];
    this.onFilm.replaceChildren(...this.shown.map(({ box, state, words }) => drawn(
      "g", { class: `box ${state}`, "aria-hidden": "true" },
      drawn("title", {}, words),
      drawn("rect", { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 }))));
    this.placeMarks();
    find("#beside-said").textContent = this.said();
    this.showControls();
  }

  showControls() {
    find("#beside-map").hidden = !this.model.offers.includes("map");
    find("#beside-map").setAttribute("aria-pressed", String(this.isMapOn));
    find("#beside-linked").setAttribute("aria-pressed", String(this.isLinked));
  }

  said() {
    const { answer } = this;
    if (!answer) return this.shown.length ? text("beside_own", { count: this.shown.length }) : "";
    const score = answer.boxes[0]?.score?.toFixed(2) ?? "–";
    const counted = text("found", { phrase: answer.phrase, count: this.shown.length, score });
    return [counted, answer.sentence].filter(Boolean).join(". ");
  }

  placeMarks() {
    const wanted = (this.shown ?? []).map(({ box, state, words }) => ({ box, words, kind: state }));
    this.onScreen.replaceChildren(...marksOf(this.viewport.placement, wanted));
  }
}
