// A question before something that cannot be taken back. Enter agrees, Escape does not.

const $ = (id) => document.getElementById(id);

/** Whether whoever sits here agrees. Only one question is open at a time; a second one counts as not agreed. */
export function isAgreed(title, text, action) {
  const dialog = $("confirm");
  if (dialog.open) return Promise.resolve(false);
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = action;
  dialog.returnValue = "";
  dialog.showModal();
  $("confirm-yes").focus();
  return new Promise((resolve) => {
    $("confirm-yes").onclick = () => dialog.close("yes");
    $("confirm-no").onclick = () => dialog.close("");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}
