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

// A question about a film; `model` is the name of one of the server's models, by default the first.
const question = (id, what, model, body) =>
  post(`${film(id)}/${what}${model ? `?model=${encodeURIComponent(model)}` : ""}`, body);

export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const model = () => json("api/model");
export const films = () => json("api/films");
export const upload = (file) =>
  json(`api/films?name=${encodeURIComponent(file.name.slice(-255))}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
export const remove = (id) => request(film(id), { method: "DELETE" });
export const findings = async (id) => (await post(`${film(id)}/findings`)).findings;
export const locate = async (id, texts, model) => (await question(id, "locate", model, { texts })).find;
export const describe = async (id, boxes, model) => (await question(id, "describe", model, { boxes })).boxes;
export const report = async (id) => (await post(`${film(id)}/report`)).report;
export const similarityMap = (id, text, model) => question(id, "map", model, { text });
export const similarToFilm = async (id) => (await post(`${film(id)}/similar`, {})).results;
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
  return createImageBitmap(await (await request(`${film(id)}/display`)).blob());
}

/** All values of a film, 16 bits each. */
export async function values(id) {
  const packed = (await request(`${film(id)}/values`)).body;
  const open = packed.pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(open).arrayBuffer();
  return new Uint16Array(bytes);
}
