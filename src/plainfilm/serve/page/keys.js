// The keys of the page, from keys.json: one key, one action, wherever the focus is but in a field.

const FIELDS = "input:not([type=range]), textarea, select, [contenteditable]";
const ALWAYS = new Set(["leave"]);

const nameOf = (event) => {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return control ? `Ctrl+${event.shiftKey ? "Shift+" : ""}${key}` : key;
};

export const load = async () => (await fetch("page/keys.json")).json();

/** Calls `act` with the action of each key that is pressed. */
export function listen(keys, act) {
  const actions = new Map(keys.filter((one) => !one.on).map(({ key, action }) => [key, action]));
  addEventListener("keydown", (event) => {
    const action = actions.get(nameOf(event));
    if (!action || event.defaultPrevented || event.altKey) return;
    const isInField = event.target.closest?.(FIELDS);
    if ((isInField || document.querySelector("dialog[open]")) && !ALWAYS.has(action)) return;
    if (document.querySelector("dialog[open]")) return;
    if (act(action)) event.preventDefault();
  });
}
