// A question before something that cannot be taken back. Enter agrees, Escape does not.

import { element } from "./dom.js";

const title = element("h2", { id: "confirm-title" });
const text = element("p", { id: "confirm-text" });
const no = element("button", { type: "button", id: "confirm-no" }, "Back");
const yes = element("button", { type: "button", class: "main", id: "confirm-yes" });
const dialog = element(
  "dialog",
  { class: "question", id: "confirm", "aria-labelledby": "confirm-title", "aria-describedby": "confirm-text" },
  title,
  text,
  element("div", { class: "buttons" }, no, yes),
);
document.body.append(dialog);

/** Tells whoever asked last. */
let tell = () => {};

/** Whether whoever sits here agrees. Only one question is open at a time; a second one counts as not agreed. */
export function isAgreed(question, explanation, action) {
  if (dialog.open) return Promise.resolve(false);
  // A dialog that was closed says so a moment later, when the next question may be there already: it is told now.
  tell(dialog.returnValue === "yes");
  title.textContent = question;
  text.textContent = explanation;
  yes.textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  yes.focus();
  return new Promise((resolve) => {
    tell = resolve;
    yes.onclick = () => dialog.close("yes");
    no.onclick = () => dialog.close("");
    dialog.onclose = () => {
      if (!dialog.open) resolve(dialog.returnValue === "yes");
    };
  });
}
