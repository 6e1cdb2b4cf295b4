// Boxes over the film as SVG elements: they take focus, and are moved and resized by pointer and by keyboard.

import { drawn, framed } from "./dom.js";
import { moved, tidied } from "./geometry.js";
import { marksOf } from "./marks.js";
import { text } from "./texts.js";

const CORNERS = [["x0", "y0"], ["x1", "y0"], ["x1", "y1"], ["x0", "y1"]];
const HANDLE = 9;
const EDGE = 6; // pixels of the screen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Boxes extends EventTarget {
  constructor(viewport) {
    super();
    this.viewport = viewport;
    this.onFilm = drawn("g", { class: "on-film" });
    this.onScreen = drawn("g", { class: "on-screen" });
    viewport.overlay.append(this.onFilm, this.onScreen);
    this.shown = [];
    this.regions = [];
    this.selected = null;
    this.lit = null;
    this.placeMarks = framed(() => this.placeMarksNow());
    viewport.addEventListener("placed", ({ detail }) => {
      this.onFilm.setAttribute("transform", `matrix(${detail.join(",")})`);
      this.placeMarksNow();
    });
    viewport.addEventListener("pressed", () => this.select(null));
    viewport.addEventListener("drawing", ({ detail }) => this.draw(detail));
  }

  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  /** Draws boxes ({ sentence, box, number, label }) and regions ({ name, box }), keeping the focus. */
  show(shown, regions = this.regions) {
    const focused = document.activeElement?.dataset?.box;
    this.shown = shown;
    this.regions = regions;
    this.onFilm.replaceChildren(
      ...regions.map(({ name, box }) => this.rectangle({ class: "region", "aria-hidden": "true" }, box, name)),
      ...shown.map((one) => this.node(one)),
    );
    this.placeMarksNow();
    if (focused) this.onFilm.querySelector(`[data-box="${focused}"]`)?.focus({ preventScroll: true });
  }

  rectangle(attributes, box, title) {
    const { x0, y0, x1, y1 } = box;
    const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    return drawn("g", attributes, drawn("title", {}, title), drawn("rect", place));
  }

  node(one) {
    const { sentence, box, label } = one;
    const attributes = {
      class: `box ${box.state === "proposed" ? sentence.state : box.state}`,
      tabindex: "0",
      role: "button",
      "aria-label": label,
      "aria-pressed": String(box.box_id === this.selected),
      "data-box": box.box_id,
      "data-sentence": sentence.id,
      onfocus: () => this.select(one),
      onkeydown: (event) => this.key(event, one),
      onpointerdown: (event) => this.press(event, one),
      onpointerenter: () => this.tell("hovered", sentence.id),
      onpointerleave: () => this.tell("hovered", null),
    };
    const node = this.rectangle(attributes, box, label);
    node.classList.toggle("selected", box.box_id === this.selected);
    node.classList.toggle("lit", sentence.id === this.lit);
    node.classList.toggle("dim", this.lit !== null && sentence.id !== this.lit);
    return node;
  }

  /** Lights the boxes of one sentence. */
  light(sentenceId) {
    if (this.lit === sentenceId) return;
    this.lit = sentenceId;
    for (const node of this.onFilm.querySelectorAll(".box")) {
      node.classList.toggle("lit", node.dataset.sentence === sentenceId);
      node.classList.toggle("dim", sentenceId !== null && node.dataset.sentence !== sentenceId);
    }
  }

  select(one) {
    const id = one?.box.box_id ?? null;
    if (id === this.selected) return;
    this.selected = id;
    for (const node of this.onFilm.querySelectorAll(".box")) {
      node.classList.toggle("selected", node.dataset.box === id);
      node.setAttribute("aria-pressed", String(node.dataset.box === id));
    }
    this.placeMarksNow();
    this.tell("selected", one?.sentence.id ?? null);
  }

  focus(boxId) {
    this.onFilm.querySelector(`[data-box="${boxId}"]`)?.focus({ preventScroll: true });
  }

  /** Numbers beside boxes, names of regions, and the handles of the selected box, all of fixed size. */
  placeMarksNow() {
    const selected = this.shown.find(({ box }) => box.box_id === this.selected);
    const handles = selected ? CORNERS.map((corner) => this.handle(selected, corner)) : [];
    const numbers = this.shown.map(({ box, sentence, number }) => (
      { box, words: number, kind: box.state === "proposed" ? sentence.state : box.state }));
    const names = this.regions.map(({ name, box }) => ({ box, words: name, kind: "region" }));
    this.onScreen.replaceChildren(...marksOf(this.viewport.placement, [...numbers, ...names]), ...handles);
  }

  handle(one, corner) {
    const [x, y] = this.viewport.placement.toScreen(one.box[corner[0]], one.box[corner[1]]);
    const place = { x: x - HANDLE / 2, y: y - HANDLE / 2, width: HANDLE, height: HANDLE };
    return drawn("rect", {
      class: "handle", ...place, "aria-hidden": "true",
      onpointerdown: (event) => this.grip(event, one, corner),
    });
  }

  /** Takes hold of a box that is selected, or at its edge; elsewhere in it the tool works, and a click selects. */
  press(event, one) {
    if (event.button !== 0) return;
    const [x, y] = this.viewport.pointOf(event);
    const { box } = one;
    const edge = Math.min(...[x - box.x0, box.x1 - x, y - box.y0, box.y1 - y].map(Math.abs));
    const isDrawing = this.viewport.tool === "box";
    if (box.box_id === this.selected || (!isDrawing && edge * this.viewport.placement.scale < EDGE)) {
      this.grip(event, one);
      return;
    }
    const [startX, startY] = [event.clientX, event.clientY];
    addEventListener("pointerup", ({ clientX, clientY }) => {
      const isClick = Math.hypot(clientX - startX, clientY - startY) < EDGE;
      if (isClick) setTimeout(() => this.focus(box.box_id));
    }, { once: true });
  }

  /** Moves a box with the pointer, or its `corner`; the change counts when the pointer is released. */
  grip(event, one, corner = null) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.focus(one.box.box_id);
    const { viewport } = this;
    const before = { ...one.box };
    const [startX, startY] = viewport.pointOf(event);
    let after = before;
    viewport.drag(event, (dx, dy, next) => {
      const [x, y] = viewport.pointOf(next);
      after = corner
        ? tidied({ ...before, [corner[0]]: x, [corner[1]]: y }, viewport.film) ?? after
        : moved(before, x - startX, y - startY, viewport.film);
      this.redraw(one, after);
    }, () => {
      this.redraw(one, before);
      const isMoved = ["x0", "y0", "x1", "y1"].some((side) => Math.abs(after[side] - before[side]) > 0.5);
      if (isMoved) this.tell("moved", { ...one, box: tidied(after, viewport.film) });
    });
  }

  redraw(one, box) {
    Object.assign(one.box, { x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1 });
    const rect = this.onFilm.querySelector(`[data-box="${one.box.box_id}"] rect`);
    const place = { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 };
    for (const [name, value] of Object.entries(place)) rect?.setAttribute(name, value);
    this.placeMarks();
  }

  /** Arrows move a box, with Alt its lower right corner; Shift makes larger steps. */
  key(event, one) {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { film } = this.viewport;
    const step = Math.max(film.width, film.height) / (event.shiftKey ? 40 : 400);
    const [dx, dy] = arrow.map((way) => way * step);
    const { box } = one;
    const after = event.altKey
      ? tidied({ ...box, x1: Math.max(box.x1 + dx, box.x0 + 2), y1: Math.max(box.y1 + dy, box.y0 + 2) }, film)
      : tidied(moved(box, dx, dy, film), film);
    if (after) this.tell("moved", { ...one, box: after });
  }

  /** Draws a box from where the pointer was pressed to where it is released. */
  draw(event) {
    const { viewport } = this;
    event.preventDefault();
    const [x0, y0] = viewport.pointOf(event);
    let box = null;
    const sketch = drawn("rect", { class: "sketch" });
    this.onFilm.append(sketch);
    viewport.drag(event, (dx, dy, next) => {
      const [x1, y1] = viewport.pointOf(next);
      box = tidied({ x0, y0, x1, y1 }, viewport.film, 1);
      const place = box && { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 };
      for (const [name, value] of Object.entries(place ?? {})) sketch.setAttribute(name, value);
    }, () => {
      sketch.remove();
      box = box && tidied(box, viewport.film, 4);
      if (box) this.tell("drawn", box);
    });
  }
}

/** The name of a box for those who cannot see it. */
export function labelOf(sentence, number, box) {
  const words = sentence.text || sentence.phrase || text("no_sentence");
  const state = text(`state_${box.state === "proposed" ? sentence.state : box.state}`);
  return text("box_label", { number, words, state });
}
