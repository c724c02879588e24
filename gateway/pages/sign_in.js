// The sign-in dialog: a key's id and secret, typed or read from the key's file.

import { element } from "./dom.js";
import { CAN_SIGN } from "./signing.js";

const NEEDS_HTTPS = "This browser signs only under https, or at the address 127.0.0.1.";
const REASONS = {
  unknown_key: "There is no such key. Check the id, or ask whoever runs the exchange for a key.",
  bad_signature: "The secret does not fit this key.",
  key_expired: "This key has ended. Use another one.",
  address_not_allowed: "This key may not be used from this computer's address.",
  timestamp_out_of_window: "This computer's clock and the exchange's disagree. Try again.",
  rate_limited: "Too many attempts. Wait a moment, then try again.",
};

let opened = null;

/** Show the dialog. Resolves to whoever signed in, or null when it was closed. */
export function askToSignIn(session, why) {
  opened ??= show(session, why).finally(() => (opened = null));
  return opened;
}

function show(session, why) {
  const keyId = input({ id: "sign-in-key", name: "username", autocomplete: "username" });
  const secret = input({ id: "sign-in-secret", name: "password", type: "password", autocomplete: "off" });
  const file = element("input", { type: "file", id: "sign-in-file", accept: ".json,.pem,application/json", class: "unseen" });
  const remember = element("input", { type: "checkbox", id: "sign-in-remember" });
  const complaint = element("p", { class: "complaint", id: "sign-in-complaint", role: "alert" });
  const submit = element("button", { type: "submit", class: "main" }, "Sign in");
  const cancel = element("button", { type: "button" }, "Cancel");
  const form = element(
    "form",
    { method: "dialog", novalidate: "" },
    element("h2", { id: "sign-in-title" }, "Sign in"),
    element("p", { class: "soft" }, why || "With an API key of your account."),
    field("Key id", keyId),
    field("Secret", secret),
    element("p", { class: "row" }, file, element("label", { for: "sign-in-file", class: "button" }, "Read a key file…")),
    element("label", { class: "row" }, remember, "Stay signed in when the browser is closed, up to 12 hours"),
    complaint,
    element("div", { class: "buttons" }, cancel, submit),
    element("p", { class: "soft small" }, "The secret signs here, in your browser. It is neither sent nor stored."),
  );
  const dialog = element("dialog", { class: "sign-in", "aria-labelledby": "sign-in-title" }, form);
  document.body.append(dialog);

  const complain = (text, place) => {
    complaint.textContent = text;
    for (const each of [keyId, secret]) each.setAttribute("aria-invalid", each === place);
    place?.focus();
  };
  file.addEventListener("change", async () => {
    try {
      await fill(file.files[0], keyId, secret);
      complain("");
      (keyId.value ? submit : keyId).focus();
    } catch {
      complain("That file holds no key: it takes a JSON object with key_id and secret, or a PEM.");
    }
    file.value = "";
  });

  return new Promise((resolve) => {
    let signedIn = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!CAN_SIGN) return complain(NEEDS_HTTPS);
      if (!keyId.value.trim()) return complain("The key's id is missing.", keyId);
      if (!secret.value.trim()) return complain("The key's secret is missing.", secret);
      submit.disabled = true;
      complain("");
      try {
        signedIn = await session.signIn(keyId.value.trim(), secret.value.trim(), remember.checked);
        dialog.close();
      } catch (error) {
        complain(...reasonOf(error, keyId, secret));
      }
      submit.disabled = false;
    });
    cancel.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      secret.value = "";
      dialog.remove();
      resolve(signedIn);
    });
    dialog.showModal();
    keyId.focus();
    if (!CAN_SIGN) complain(NEEDS_HTTPS);
  });
}

function input(attributes) {
  return element("input", { type: "text", required: "", spellcheck: "false", autocapitalize: "off", ...attributes });
}

function field(text, control) {
  control.setAttribute("aria-describedby", "sign-in-complaint");
  return element("label", {}, text, control);
}

async function fill(file, keyId, secret) {
  const text = await file.text();
  if (text.includes("BEGIN PRIVATE KEY")) {
    secret.value = text.replaceAll("\n", " ");
    return;
  }
  const key = JSON.parse(text);
  if (typeof key.key_id !== "string" || typeof key.secret !== "string") throw new TypeError("no key");
  keyId.value = key.key_id;
  secret.value = key.secret;
}

function reasonOf(error, keyId, secret) {
  if (error.code === undefined) {
    const isKey = error instanceof DOMException && error.name !== "TimeoutError" && error.name !== "AbortError";
    return isKey ? ["The secret cannot be read as a key.", secret] : ["The exchange cannot be reached. Try again.", null];
  }
  return [REASONS[error.code] ?? error.message, error.code === "bad_signature" ? secret : keyId];
}
