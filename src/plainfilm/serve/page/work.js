// The work of a person on films: sentences with boxes, verdicts and labels; with undo, saved as JSON.
// The format is documented in docs/workbench.md, and read by `plainfilm prepare workbench`.

export const FORMAT = "plainfilm-work";
export const VERSION = 1;
export const STATES = ["proposed", "accepted", "edited", "rejected"];
const MOST_STEPS = 200;
const READER = "plainfilm-reader";

let last = 0;
export const newId = () => `${Date.now().toString(36)}${(last++).toString(36)}`;

const corners = (box) => ({
  x0: box.x0, y0: box.y0, x1: box.x1, y1: box.y1, score: box.score ?? null,
});

/** A sentence with boxes, as a model or a person proposes it. kind: phrase, box, report or own. */
export function sentence(kind, { phrase = null, text = null, boxes = [], origin = "model", source = null }) {
  const listed = boxes.map((box) => ({ box_id: newId(), state: "proposed", ...corners(box) }));
  const original = { text, boxes: boxes.map(corners) };
  return { id: newId(), kind, phrase, text, state: "proposed", origin, source, boxes: listed, original };
}

export class Work extends EventTarget {
  constructor() {
    super();
    this.films = [];
    this.past = [];
    this.future = [];
    this.isSaved = true;
    this.chosen = null;
    this.reader = localStorage.getItem(READER) ?? "";
  }

  /** The person who works, for the reports that are exported; this browser remembers the name. */
  setReader(name) {
    this.reader = name;
    localStorage.setItem(READER, name);
  }

  get film() {
    return this.films.find((film) => film.sha256 === this.chosen) ?? null;
  }

  /** A film that was opened; known by its content, so that saved work finds it again. */
  addFilm(facts) {
    let film = this.films.find((one) => one.sha256 === facts.sha256);
    if (!film) {
      const { sha256, name, width, height, spacing_mm, view } = facts;
      const whose = { study: "", patient: "" };
      film = { sha256, name, width, height, spacing_mm, view, ...whose, labels: {}, findings: [], sentences: [] };
      this.films.push(film);
    }
    this.choose(film.sha256);
    return film;
  }

  choose(sha256) {
    this.chosen = sha256;
    this.tell("chosen");
  }

  /** Makes one step that can be undone: `step` gets the chosen film, or the one that is given. */
  change(step, film = this.film) {
    this.remember([film.sha256]);
    step(this.films.find((one) => one.sha256 === film.sha256));
    this.tell("changed");
  }

  /** Notes films as they are before a step: all that a step keeps, so that hundreds of them stay small. */
  remember(names) {
    this.past.push(this.snapshot(names));
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.isSaved = false;
  }

  snapshot(names) {
    const known = new Map(this.films.map((film) => [film.sha256, film]));
    return names.map((sha256) => ({ sha256, film: structuredClone(known.get(sha256) ?? null) }));
  }

  /** Notes an answer of the model, which is no step of a person. */
  note(step, film) {
    step(this.films.find((one) => one.sha256 === film.sha256));
    this.tell("changed");
  }

  /** Notes what the model says of what a person did; it belongs to that step. */
  amend(step, film) {
    this.isSaved = false;
    this.note(step, film);
  }

  undo() {
    this.go(this.past, this.future);
  }

  redo() {
    this.go(this.future, this.past);
  }

  go(from, to) {
    if (!from.length) return;
    const step = from.pop();
    to.push(this.snapshot(step.map(({ sha256 }) => sha256)));
    for (const { sha256, film } of step) this.put(sha256, film);
    this.isSaved = false;
    if (!step.some(({ sha256 }) => sha256 === this.chosen) || !this.film) this.choose(step[0]?.film?.sha256 ?? this.films[0]?.sha256 ?? null);
    this.tell("changed");
  }

  /** Puts a film in the place of that of the same content, or at the end; `null` takes it away. */
  put(sha256, film) {
    const place = this.films.findIndex((one) => one.sha256 === sha256);
    if (place < 0) this.films.push(...(film ? [film] : []));
    else if (!film) this.films.splice(place, 1);
    else {
      // What the model found since the step is no part of it.
      const { findings } = this.films[place];
      this.films[place] = findings.length ? { ...film, findings } : film;
    }
  }

  tell(what) {
    this.dispatchEvent(new Event(what));
  }

  empty(model) {
    return { ...this.document(model), films: [] };
  }

  document(model) {
    const { name, fingerprint, version } = model;
    return {
      format: FORMAT,
      version: VERSION,
      saved: new Date().toISOString(),
      reader: this.reader,
      model: { name, fingerprint, plainfilm: version },
      films: structuredClone(this.films),
    };
  }

  /** Takes the films of a saved document; those of the same content are replaced. */
  restore(document) {
    const films = checkedFilms(document);
    this.remember(films.map(({ sha256 }) => sha256));
    for (const film of films) this.put(film.sha256, film);
    this.choose(films[0]?.sha256 ?? this.chosen);
    this.tell("changed");
  }

  /** Takes a saved document in place of all there is, with its history. */
  reset(document, past = [], future = []) {
    this.films = checkedFilms(document);
    [this.past, this.future] = [past, future];
    this.isSaved = true;
    this.choose(this.films[0]?.sha256 ?? null);
    this.tell("changed");
  }
}

function checkedFilms(document) {
  if (document?.format !== FORMAT || document.version !== VERSION || !Array.isArray(document.films)) {
    throw new Error("not saved work");
  }
  return document.films.map(checkedFilm);
}

function checkedFilm(film) {
  const isNumber = (value) => Number.isFinite(value);
  const isBox = (box) => [box.x0, box.y0, box.x1, box.y1].every(isNumber) && STATES.includes(box.state);
  const isSentence = (one) =>
    typeof one.id === "string" && STATES.includes(one.state) && Array.isArray(one.boxes) && one.boxes.every(isBox);
  const isFilm =
    /^[0-9a-f]{64}$/.test(film.sha256) && film.width > 0 && film.height > 0 && typeof film.name === "string" &&
    Array.isArray(film.sentences) && film.sentences.every(isSentence) && typeof film.labels === "object";
  if (!isFilm) throw new Error("not saved work");
  return { findings: [], ...film };
}
