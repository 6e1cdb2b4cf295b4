// Saving, reopening and exporting work.

import * as api from "./api.js";
import { element, find } from "./dom.js";
import { text } from "./texts.js";

const LARGEST = 64 << 20;
const PAGE_PX = 690; // of A4 and Letter, between their margins

/** Hands a file to the browser. */
export function download(blob, ending) {
  const day = new Date().toISOString().slice(0, 16).replace(/[:T]/g, "-");
  const link = element("a", { href: URL.createObjectURL(blob), download: `plainfilm-${day}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** The document in a file of saved work. */
export async function readSaved(file) {
  if (file.size > LARGEST) throw new Error("not saved work");
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error("not saved work");
  }
}

/** The formats that this server exports: saved work and print by the page, others by the server. */
export function exportFormats(desk) {
  const byServer = (name, ending) => ({
    name,
    run: async () => {
      try {
        download(await api.exported(name, desk.work.document(desk.model)), ending);
      } catch (problem) {
        desk.complain(problem);
      }
    },
  });
  return [
    { name: "json", run: () => desk.saveFile() },
    byServer("coco", "coco.json"),
    ...(desk.offers.has("export_dicom") ? [byServer("dicom", "zip")] : []),
    { name: "text", run: () => download(new Blob([plain(desk.work.film)], { type: "text/plain" }), "txt") },
    { name: "print", run: () => print() },
  ];
}

/** The sentences of a film that were not rejected, one a line. */
export function plain(film) {
  const kept = film.sentences.filter((one) => one.state !== "rejected" && one.text);
  return [...kept.map((one) => one.text), "", text("notice")].join("\n");
}

// On paper the film is as large as on the screen, or as the page is wide.
addEventListener("beforeprint", () => {
  const { style, clientWidth, clientHeight } = find("#viewport");
  Object.assign(style, { width: `${clientWidth}px`, height: `${clientHeight}px`, zoom: Math.min(1, PAGE_PX / clientWidth) });
});
addEventListener("afterprint", () => {
  Object.assign(find("#viewport").style, { width: "", height: "", zoom: "" });
});
