// Findings with their probabilities, and the labels that a person gives.

import { drawn, element, find } from "./dom.js";
import { term, text } from "./texts.js";

const STATES = { positive: "+", negative: "−", uncertain: "?" };

function bar(finding) {
  const { probability, calibrated, abstains } = finding;
  if (probability === null) return element("span", { class: "percent" }, "–");
  const width = (100 * probability).toFixed(1);
  const kind = `bar${calibrated ? "" : " uncalibrated"}${abstains ? " abstains" : ""}`;
  return drawn(
    "svg", { class: kind, viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    drawn("rect", { width: 100, height: 6, class: "whole" }), drawn("rect", { width, height: 6, class: "part" }),
  );
}

const notes = ({ positive, abstains, calibrated }, isCalibrated) => [
  abstains ? text("abstains") : positive === null ? null : text(positive ? "called_positive" : "called_negative"),
  calibrated || !isCalibrated ? null : text("uncalibrated"),
].filter(Boolean);

function labels(desk, film, finding) {
  const name = finding.observation;
  const buttons = Object.entries(STATES).map(([state, sign]) => {
    const isOn = film.labels[name] === state;
    return element("button", {
      type: "button", class: `quiet state ${state}`, "aria-pressed": String(isOn),
      title: text(`label_${state}`), "aria-label": text("label_as", { name: term(name), state: text(`label_${state}`) }),
      onclick: () => desk.label(name, isOn ? null : state),
    }, sign);
  });
  return element("div", { class: "states" }, ...buttons);
}

function row(desk, film, finding, isCalibrated) {
  const { observation, probability } = finding;
  const shown = probability === null ? finding.positive_score.toFixed(3) : `${Math.round(100 * probability)} %`;
  const name = desk.offers.has("locate")
    ? element("button", {
      type: "button", class: "quiet name", title: text("find_it"),
      onclick: () => desk.ask(observation.replaceAll("_", " ").toLowerCase()),
    }, term(observation))
    : element("span", { class: "name" }, term(observation));
  return element(
    "tr", { class: finding.abstains ? "abstains" : "" },
    element("th", { scope: "row" }, name, element("small", {}, notes(finding, isCalibrated).join(" · "))),
    element("td", { class: "chance" }, element("span", { class: "percent" }, shown), bar(finding)),
    element("td", {}, labels(desk, film, finding)),
  );
}

/** Fills the tab with the findings of the chosen film. */
export function showFindings(desk) {
  const { film } = desk.work;
  const sheet = find("#findings");
  if (!film?.findings.length) {
    sheet.replaceChildren(element("p", { class: "hint" }, text(film ? "hint_findings" : "hint_open")));
    return;
  }
  const isCalibrated = film.findings.some((one) => one.calibrated);
  const heads = ["observation", "probability", "your_label"].map((name) =>
    element("th", { scope: "col" }, text(name)));
  sheet.replaceChildren(
    element("p", { class: "hint" }, text(isCalibrated ? "findings_calibrated" : "findings_uncalibrated")),
    element(
      "table", { class: "findings" },
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...film.findings.map((one) => row(desk, film, one, isCalibrated))),
    ),
  );
}
