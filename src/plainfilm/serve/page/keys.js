// The keys of the page, from keys.json: one key, one action, wherever the focus is but in a field.

const FIELDS = "input:not([type=range]), textarea, select, [contenteditable]";
const IN_FIELDS = new Set(["leave"]);

const nameOf = (event) => {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return control ? `Ctrl+${event.shiftKey ? "Shift+" : ""}${key}` : key;
};

export const load = async () => (await fetch("page/keys.json")).json();

/** Calls `act` with the action of each key that is pressed. */
export function listen(keys, act) {
  const actions = new Map(keys.filter((one) => !one.on).map(({ key, action }) => [key, action]));
  const wanted = (event) => {
    const action = actions.get(nameOf(event));
    if (!action || event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return null;
    return event.target.closest?.(FIELDS) && !IN_FIELDS.has(action) ? null : action;
  };
  addEventListener("keydown", (event) => {
    const action = wanted(event);
    if (action && act(action)) event.preventDefault();
  });
}
