// @ts-check
// Puts the page together: the data, the cursor, the panes, the keys. `data-ready` on the root says when it answers.
import { rest } from "./blobs.js";
import { Conversation } from "./conversation.js";
import { Cursor } from "./cursor.js";
import { byId, h } from "./dom.js";
import { Entry } from "./entry.js";
import { Finder } from "./finder.js";
import { drawHead, drawVerdict } from "./head.js";
import { Keys } from "./keys.js";
import { Ladder } from "./ladder.js";
import { followHash, linkButton } from "./link.js";
import { load } from "./model.js";
import { Player } from "./player.js";
import { Problems } from "./problems.js";
import { State } from "./state.js";
import { Tabs } from "./tabs.js";
import { themeButton } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Turns } from "./turns.js";

/**
 * @typedef {object} Page
 * @property {Cursor} cursor
 * @property {Player} player
 * @property {Problems} problems
 * @property {Timeline} timeline
 * @property {Finder} finder
 * @property {() => void} help
 */

async function start() {
  const call = await load();
  await rest();
  const cursor = new Cursor(call.entries, call.telling, call.endsMs);
  const player = new Player(call, cursor);
  const timeline = new Timeline(byId("timeline"), call, cursor, player.element);
  await rest();
  const focus = (/** @type {number} */ ms) => timeline.view.focus(ms);
  const problems = new Problems(call, cursor, focus);
  const ladder = new Ladder(call, cursor);
  const turns = new Turns(call, cursor);
  await rest();
  const tabs = new Tabs(byId("middle"), [
    { name: "ladder", count: null, element: ladder.element, shown: () => ladder.show() },
    { name: "turns", count: call.turns.length, element: turns.element },
    { name: "problems", count: call.problems.length, element: problems.element },
  ]);
  new Entry(call, cursor);
  const state = new State(cursor);
  const finder = new Finder(call, cursor, focus);
  const keys = new Keys(table({ cursor, player, problems, timeline, finder, help: () => keys.toggleHelp() }));
  await rest();
  new Conversation(call, cursor);
  await rest();

  const worst = h("button", { type: "button", class: "worst", onclick: () => tabs.show(2) }, problems.summary());
  drawVerdict(call, (seq) => cursor.toSeq(seq), worst);
  const help = h("button", { type: "button", onclick: () => keys.toggleHelp() }, "keys");
  drawHead(
    call,
    linkButton(cursor),
    themeButton(() => timeline.recolour()),
    help,
  );
  player.element.append(zoomButtons(timeline, cursor));
  if (!followHash(cursor, focus)) cursor.toTime(0);
  document.documentElement.dataset.ready = "true";
  await state.load();
  await player.load();
  document.documentElement.dataset.ready = "whole";
}

/**
 * @param {Timeline} timeline
 * @param {Cursor} cursor
 */
function zoomButtons({ view }, cursor) {
  const button = (/** @type {string} */ label, /** @type {string} */ text, /** @type {() => void} */ act) =>
    h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
  return h(
    "span",
    { class: "zoom", role: "group", "aria-label": "Zoom" },
    button("Zoom out", "−", () => view.zoomStep(-1, cursor.ms)),
    button("Zoom in", "+", () => view.zoomStep(1, cursor.ms)),
    button("Whole call", "fit", () => view.zoom(0, 0)),
  );
}

/**
 * @param {Page} page
 * @returns {import("./keys.js").Key[]}
 */
function table({ cursor, player, problems, timeline, finder, help }) {
  const { view } = timeline;
  return [
    { keys: [" "], shown: "space", does: "play, pause", act: () => player.toggle() },
    {
      keys: ["ArrowRight"],
      shown: "→",
      does: "next entry; with Shift of all, frames of audio too",
      act: (event) => cursor.stepBy(1, event.shiftKey),
    },
    { keys: ["ArrowLeft"], shown: "←", does: "entry before", act: (event) => cursor.stepBy(-1, event.shiftKey) },
    { keys: ["n"], shown: "n", does: "next problem", act: () => problems.step(1) },
    { keys: ["N"], shown: "N", does: "problem before", act: () => problems.step(-1) },
    { keys: ["g"], shown: "g", does: "go to a time, seq:, turn: or mark:", act: () => finder.open("go") },
    { keys: ["/"], shown: "/", does: "search what was said, types and bodies", act: () => finder.open("search") },
    { keys: ["+", "="], shown: "+", does: "zoom in, at the cursor", act: () => view.zoomStep(1, cursor.ms) },
    { keys: ["-"], shown: "-", does: "zoom out", act: () => view.zoomStep(-1, cursor.ms) },
    { keys: ["0"], shown: "0", does: "the whole call", act: () => view.zoom(0, 0) },
    { keys: ["?"], shown: "?", does: "this help", act: help },
    { keys: [], shown: "Esc", does: "close what is open", act: () => undefined },
    { keys: [], shown: "↑ ↓", does: "in the ladder: rung before, next rung", act: () => undefined },
    { keys: [], shown: "Tab", does: "next pane or button", act: () => undefined },
  ];
}

start();
