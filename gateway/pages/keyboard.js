// Keys of whoever trades, and the sheet that tells them.

const $ = (id) => document.getElementById(id);

/** `actions` are by key, as `KeyboardEvent.key` names it. */
export function listen(actions) {
  $("help-close").addEventListener("click", () => $("help").close());
  $("help-open").addEventListener("click", showHelp);
  addEventListener("keydown", (event) => {
    const act = { ...actions, "?": showHelp }[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (!isMeant(event)) return;
    event.preventDefault();
    act();
  });
}

function showHelp() {
  $("help").showModal();
}

// Letters are typed into a search, and pick from a list; the ticket's fields take numbers, so there they are keys.
function isMeant({ target, key }) {
  const field = target.closest?.("input, select, textarea, [contenteditable]");
  if (key === "Enter") return !field && !target.closest("button, a, summary, [role='grid'], canvas, [tabindex]");
  if (!field) return true;
  return Boolean(field.closest("#ticket")) && field.tagName === "INPUT";
}
