// Requests to the server. The token comes with the address (`#token=...`) and stays in this tab.

const KEY = "plainfilm-token";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.search);
}

/** An error with the server's message for people. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(0, "unreachable", "");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Refused(response.status, body.error?.code ?? "internal", body.error?.message ?? "");
}

const json = async (path, options) => (await request(path, options)).json();

const post = (path, body, method = "POST") =>
  json(path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });

const film = (id) => `api/films/${id}`;

let openedAgain = async () => null;

/** Says how a film that the server no longer holds is opened again: by a function of its id, whose value is its
 *  new id, or `null`. */
export const onGone = (act) => { openedAgain = act; };

/** The answer of `ask` about a film, which is opened again where it is no longer held. */
async function about(id, ask) {
  try {
    return await ask(film(id));
  } catch (problem) {
    const other = problem.code === "not_found" ? await openedAgain(id) : null;
    if (!other) throw problem;
    return ask(film(other));
  }
}

// A question about a film; `model` is the name of one of the server's models, by default the first.
const question = (id, what, model, body) =>
  about(id, (path) => post(`${path}/${what}${model ? `?model=${encodeURIComponent(model)}` : ""}`, body));

export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const model = () => json("api/model");
export const films = () => json("api/films");
export const upload = (file) =>
  json(`api/films?name=${encodeURIComponent(file.name.slice(-255))}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
export const reopened = ({ sha256, name }) => post("api/films/kept", { sha256, name: name.slice(-255) });
export const findings = async (id) => (await question(id, "findings")).findings;
export const locate = async (id, texts, model) => (await question(id, "locate", model, { texts })).find;
export const describe = async (id, boxes, model) => (await question(id, "describe", model, { boxes })).boxes;
export const report = async (id) => (await question(id, "report")).report;
export const similarityMap = (id, text, model) => question(id, "map", model, { text });
export const similarToFilm = async (id) => (await question(id, "similar")).results;
export const similarToText = async (text) => (await post("api/similar", { text })).results;
export const startJob = (films) => post("api/jobs", { films });
export const job = (id) => json(`api/jobs/${id}`);
export const studiesOfArchive = async (search) => (await post("api/archive/studies", search)).studies;
export const filmsOfArchive = (study) => post("api/archive/films", { study });
export const works = () => json("api/work");
export const work = (id) => json(`api/work/${id}`);
export const createWork = (record) => post("api/work", record);
export const replaceWork = (id, record) => post(`api/work/${id}`, record, "PUT");
export const removeWork = (id, revision) => request(`api/work/${id}?revision=${revision}`, { method: "DELETE" });
export const exported = async (format, work) =>
  (
    await request(`api/export/${format}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(work),
    })
  ).blob();

/** The display picture of a film. */
export async function display(id) {
  return createImageBitmap(await (await about(id, (path) => request(`${path}/display`))).blob());
}

/** All values of a film, 16 bits each. */
export async function values(id) {
  const packed = (await about(id, (path) => request(`${path}/values`))).body;
  const open = packed.pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(open).arrayBuffer();
  return new Uint16Array(bytes);
}
