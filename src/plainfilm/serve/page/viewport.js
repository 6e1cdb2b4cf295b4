// The film on the screen: window and level, zoom, pan and rotation, by mouse, pen and finger.

import { find, framed } from "./dom.js";
import { FilmCanvas, greyOf } from "./film_canvas.js";
import { Placement } from "./geometry.js";

const ZOOM_STEP = 1.2;
const WHEEL = 0.0015;
export const CSS_PIXELS_PER_MM = 96 / 25.4;

export class Viewport extends EventTarget {
  constructor(node) {
    super();
    this.node = node;
    this.stage = find(".stage", node);
    this.overlay = find(".overlay", node);
    this.heat = find(".heat", node);
    this.placement = new Placement();
    this.window = { low: 0, high: 255, inverted: false };
    this.tool = "window";
    const wanted = new URLSearchParams(location.search).get("renderer") ?? "";
    this.canvas = new FilmCanvas(this.stage, wanted);
    this.redraw = framed(() => this.canvas.draw(this.window));
    this.place = framed(() => this.placeNow());
    new ResizeObserver(() => this.resized()).observe(node);
    this.listen();
  }

  get film() {
    return this.placement.film;
  }

  /** Shows the display picture of a film at once, at the window of its file. */
  show(facts, bitmap, view) {
    this.facts = facts;
    this.values = greyOf(bitmap);
    this.range = { low: 0, high: 255, top: 255 };
    this.placement.film = { width: facts.width, height: facts.height };
    this.canvas.put(this.values, facts.width, facts.height);
    Object.assign(this.placement, { turns: 0 }, view?.placement);
    this.window = { low: 0, high: 255, inverted: view?.window?.inverted ?? false };
    if (!view) this.placement.fit();
    this.redraw();
    this.place();
    this.tell("windowed");
  }

  /** Goes over to all values of the film; a window that was chosen meanwhile stays as it looks. */
  refine(values, view) {
    const { low, high, bits, width, height } = this.facts;
    const whole = (grey) => low + ((high - low) * grey) / 255;
    this.values = values;
    this.range = { low, high, top: 2 ** bits - 1 };
    const { inverted } = this.window;
    this.window = view?.window ?? { low: whole(this.window.low), high: whole(this.window.high), inverted };
    this.canvas.put(values, width, height);
    this.canvas.draw(this.window);
    this.tell("windowed");
    this.tell("refined");
  }

  /** Shows the film of another view, at the same window. */
  showSame(other) {
    this.facts = other.facts;
    this.values = other.values;
    this.range = other.range;
    this.placement.film = other.film;
    this.canvas.put(this.values, this.film.width, this.film.height);
    this.followWindow(other);
    this.follow(other);
  }

  followWindow(other) {
    this.window = { ...other.window };
    this.redraw();
    this.tell("windowed");
  }

  /** Goes to the same part of a film as another view, and to the same rotation where it is the same film. */
  follow(other) {
    const [mine, its] = [this.placement, other.placement];
    if (this.facts?.sha256 === other.facts?.sha256) mine.turns = its.turns;
    const ratio = mine.fitting() / its.fitting();
    mine.scale = its.scale * ratio;
    mine.x = (its.x * ratio * mine.film.width) / its.film.width;
    mine.y = (its.y * ratio * mine.film.height) / its.film.height;
    this.placeNow();
  }

  clear() {
    this.facts = null;
    this.canvas.clear();
  }

  /** What to keep of the view of a film while another one is shown. */
  view() {
    const { scale, x, y, turns } = this.placement;
    return { placement: { scale, x, y, turns }, window: { ...this.window } };
  }

  tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  resized() {
    const { clientWidth, clientHeight } = this.node;
    if (!clientWidth) return; // it is hidden
    const { screen, scale, x, y } = this.placement;
    const isFitted = x === 0 && y === 0 && Math.abs(scale - this.placement.fitting()) < 1e-6;
    if (screen.width === clientWidth && screen.height === clientHeight) return;
    Object.assign(screen, { width: clientWidth, height: clientHeight });
    if (isFitted || screen.width <= 1) this.placement.fit();
    this.overlay.setAttribute("viewBox", `0 0 ${clientWidth} ${clientHeight}`);
    this.placeNow();
  }

  placeNow() {
    const matrix = this.placement.matrix();
    const transform = `matrix(${matrix.join(",")})`;
    this.stage.style.transform = transform;
    this.heat.style.transform = transform;
    this.tell("placed", matrix);
  }

  moveWindow(level, width) {
    const { low, high } = this.window;
    const centre = (low + high) / 2 + level;
    const half = Math.max((high - low + width) / 2, 0.5);
    Object.assign(this.window, { low: centre - half, high: centre + half });
    this.redraw();
    this.tell("windowed");
  }

  resetWindow() {
    Object.assign(this.window, { low: this.range.low, high: this.range.high, inverted: false });
    this.redraw();
    this.tell("windowed");
  }

  invert() {
    this.window.inverted = !this.window.inverted;
    this.redraw();
    this.tell("windowed");
  }

  zoom(steps, x, y) {
    this.placement.zoom(ZOOM_STEP ** steps, x, y);
    this.place();
  }

  pan(dx, dy) {
    this.placement.x += dx;
    this.placement.y += dy;
    this.place();
  }

  fit() {
    this.placement.fit();
    this.place();
  }

  rotate() {
    const { scale, x, y } = this.placement;
    const isFitted = x === 0 && y === 0 && Math.abs(scale - this.placement.fitting()) < 1e-6;
    this.placement.rotate();
    if (isFitted) this.placement.fit();
    this.place();
  }

  /** One millimetre of the film as one millimetre of the screen. */
  trueSize() {
    this.placement.scale = this.facts.spacing_mm * CSS_PIXELS_PER_MM;
    this.place();
  }

  /** The value of the film at a point of it. */
  valueAt(x, y) {
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const isInside = column >= 0 && row >= 0 && column < this.film.width && row < this.film.height;
    return isInside ? this.values[row * this.film.width + column] : null;
  }

  /** The point of the film below a pointer. */
  pointOf(event) {
    const { left, top } = this.node.getBoundingClientRect();
    return this.placement.toFilm(event.clientX - left, event.clientY - top);
  }

  listen() {
    const { node } = this;
    node.addEventListener("wheel", (event) => {
      if (!this.facts) return;
      event.preventDefault();
      const { left, top } = node.getBoundingClientRect();
      this.placement.zoom(Math.exp(-event.deltaY * WHEEL), event.clientX - left, event.clientY - top);
      this.place();
    }, { passive: false });
    node.addEventListener("contextmenu", (event) => event.preventDefault());
    node.addEventListener("pointermove", (event) => this.facts && this.tell("hovered", this.pointOf(event)));
    node.addEventListener("pointerleave", () => this.tell("hovered", null));
    node.addEventListener("pointerdown", (event) => this.facts && this.press(event));
  }

  /** Begins what dragging does: boxes take theirs first, then the middle button pans and the right one zooms. */
  press(event) {
    if (event.defaultPrevented || event.target.closest("button")) return;
    if (event.button === 0) {
      this.node.focus({ preventScroll: true });
      this.tell("pressed");
    }
    const tool = { 1: "pan", 2: "zoom" }[event.button] ?? this.tool;
    if (tool === "box") {
      this.tell("drawing", event);
      return;
    }
    const step = (this.range.high - this.range.low) / 400 || 1;
    this.drag(event, (dx, dy) => {
      if (tool === "pan") this.pan(dx, dy);
      else if (tool === "zoom") this.zoom(-dy / 40);
      else this.moveWindow(dy * step, dx * step);
    });
    event.preventDefault();
  }

  /** Follows a pointer until it is released. */
  drag(event, moved, done = () => {}) {
    let [x, y] = [event.clientX, event.clientY];
    const { pointerId } = event;
    const following = (next) => {
      if (next.pointerId !== pointerId) return;
      moved(next.clientX - x, next.clientY - y, next);
      [x, y] = [next.clientX, next.clientY];
    };
    const ending = (next) => {
      if (next.pointerId !== pointerId) return;
      removeEventListener("pointermove", following);
      removeEventListener("pointerup", ending);
      removeEventListener("pointercancel", ending);
      done(next);
    };
    addEventListener("pointermove", following);
    addEventListener("pointerup", ending);
    addEventListener("pointercancel", ending);
  }
}
