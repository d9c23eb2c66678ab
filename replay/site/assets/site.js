// @ts-check
// Puts the index page together: the summary, the calls, the keys. `data-ready` on the root says when it answers.
import { readJson, rest, unpackJson } from "../../view/assets/blobs.js";
import { add, byId, h } from "../../view/assets/dom.js";
import { Keys } from "../../view/assets/keys.js";
import { themeButton } from "../../view/assets/theme.js";
import { Calls } from "./calls.js";
import { Controls } from "./controls.js";
import { drawHead, drawSummary } from "./summary.js";
import { Wish } from "./wish.js";

async function start() {
  const summary = readJson("summary-data");
  drawSummary(summary);
  await rest();
  const all = await unpackJson("calls-data");
  await rest();
  const wish = new Wish();
  const calls = new Calls(wish, all);
  const controls = new Controls(wish, all, () => calls.enter());
  add(byId("calls"), controls.element, calls.element);
  const keys = new Keys(table(controls, calls, () => keys.toggleHelp()));
  const help = h("button", { type: "button", onclick: () => keys.toggleHelp() }, "keys");
  drawHead(summary, themeButton(() => undefined), help);
  wish.watch(() => {
    controls.show();
    controls.tell(calls.show());
  });
  document.documentElement.dataset.ready = "true";
}

/**
 * @param {Controls} controls
 * @param {Calls} calls
 * @param {() => void} help
 * @returns {import("../../view/assets/keys.js").Key[]}
 */
function table(controls, calls, help) {
  return [
    { keys: ["/"], shown: "/", does: "search what was said", act: () => controls.focus() },
    { keys: ["ArrowDown"], shown: "↓", does: "next call", act: () => calls.step(1) },
    { keys: ["ArrowUp"], shown: "↑", does: "call before", act: () => calls.step(-1) },
    { keys: [], shown: "Enter", does: "open the call", act: () => undefined },
    { keys: ["?"], shown: "?", does: "this help", act: help },
    { keys: [], shown: "Esc", does: "empty the search, close what is open", act: () => undefined },
    { keys: [], shown: "Tab", does: "next link or button", act: () => undefined },
  ];
}

start();
