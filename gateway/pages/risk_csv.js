// What the grid shows as a file: the exchange's lines, whose decimals are exact, chosen and ordered as the grid has them.

import { Refusal } from "./session.js";

export async function saveCsv(grid) {
  const [text, ids] = await Promise.all([accountsCsv(), grid.shownIds()]);
  const [headings, ...lines] = text.trimEnd().split("\r\n");
  const byId = new Map(lines.map((line) => [Number(line.slice(0, line.indexOf(","))), line]));
  const shown = ids.map((id) => byId.get(id)).filter(Boolean);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([[headings, ...shown, ""].join("\r\n")], { type: "text/csv" }));
  link.download = `accounts-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}Z.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function accountsCsv() {
  const reply = await fetch("/v1/risk/accounts.csv", { cache: "no-store", credentials: "same-origin" });
  if (!reply.ok) throw new Refusal((await reply.json()).error, reply.status);
  return reply.text();
}
