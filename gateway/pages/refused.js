// What a page says to whoever may not see it; it comes again as soon as somebody else is signed in.

import { session } from "./session.js";
import "./shell.js";

const $ = (id) => document.getElementById(id);

$("other-key").addEventListener("click", () => session.ask("With a key that has the role risk or admin."));
const current = await session.load();
document.body.dataset.link = "none";
if (current) {
  $("refused-account").textContent = current.account ?? current.key_id;
  $("refused-roles").textContent = `${current.roles.length === 1 ? "role" : "roles"} ${current.roles.join(", ")}`;
}
session.addEventListener("change", () => location.reload());
