// @ts-check
// Plays the call, in step with the cursor: while it plays the cursor follows, and when the cursor is moved it plays
// from there. What is heard can be chosen: the caller, what the ear heard, what was cut off. The file is made anew for
// that.
import { Cursor } from "./cursor.js";
import { add, h, say } from "./dom.js";
import { clock } from "./format.js";
import { Sound } from "./sound.js";

/** What can be heard, with its name and what it is. @type {[keyof import("./sound.js").Wanted, string, string][]} */
const VOICES = [
  ["caller", "caller", "the caller, left"],
  ["ear", "heard", "what the caller heard, right"],
  ["unheard", "cut off", "what was cut off and never heard, right"],
];

export class Player {
  /**
   * @param {any} call
   * @param {Cursor} cursor
   */
  constructor(call, cursor) {
    this._sound = new Sound(call.sound);
    this._cursor = cursor;
    this._run = 0;
    this._wanted = { caller: true, ear: true, unheard: false };
    this._audio = /** @type {HTMLAudioElement} */ (h("audio", { preload: "auto" }));
    const has = (/** @type {string} */ name) => call.sound.tracks.includes(name);
    this.hasSound = VOICES.some(([name]) => has(name));
    this._button = h(
      "button",
      { type: "button", class: "play", "aria-label": "Play", disabled: !this.hasSound, onclick: () => this.toggle() },
      "▶",
    );
    this._time = h("output", { class: "time" });
    const voices = VOICES.map(([name, label, title]) =>
      h(
        "button",
        {
          type: "button",
          class: `voice ${name}`,
          title: has(name) ? title : "not in this log",
          disabled: !has(name),
          "aria-pressed": String(this._wanted[name]),
          onclick: (/** @type {Event} */ event) => this._choose(name, event),
        },
        label,
      ),
    );
    this._quality = h("span", { class: "quality" }, this._about(call));
    this.element = add(
      h("div", { class: "transport" }),
      this._button,
      this._time,
      h("span", { class: "voices", role: "group", "aria-label": "What is heard" }, voices),
      this._quality,
      this._audio,
    );
    this._follow(call);
  }

  /** @param {any} call */
  _follow(call) {
    const { _cursor: cursor, _audio: audio } = this;
    const ends = clock(call.endsMs);
    cursor.watch((picked) => {
      this._time.textContent = `${clock(cursor.ms)} / ${ends}`;
      if (picked) audio.currentTime = cursor.ms / 1000;
    });
    audio.addEventListener("play", () => this._playing(true));
    audio.addEventListener("pause", () => this._playing(false));
    const tick = () => {
      if (audio.paused) return;
      cursor.toTime(audio.currentTime * 1000, false);
      requestAnimationFrame(tick);
    };
    audio.addEventListener("play", tick);
  }

  /** Unpack what there is to hear. */
  async load() {
    if (!this.hasSound) return;
    await this._sound.load();
    await this._make();
  }

  /** Make the file of what is wanted now. Whoever is overtaken by the next wish leaves it to that. */
  async _make() {
    const run = ++this._run;
    const made = await this._sound.wav(this._wanted);
    if (run !== this._run) return;
    const { _audio: audio } = this;
    const wasPlaying = !audio.paused;
    if (audio.src) URL.revokeObjectURL(audio.src);
    audio.src = URL.createObjectURL(made);
    audio.currentTime = this._cursor.ms / 1000;
    if (wasPlaying) this._play();
  }

  toggle() {
    if (!this.hasSound) say("There is no sound in this log.");
    else if (!this._audio.src) say("The sound is still being unpacked.");
    else if (this._audio.paused) this._play();
    else this._audio.pause();
  }

  async _play() {
    try {
      await this._audio.play();
    } catch (error) {
      const { name, message } = /** @type {Error} */ (error);
      // Who pauses, or wants something else to be heard, breaks off what was about to play.
      if (name !== "AbortError") say(`The browser does not play it: ${message}`);
    }
  }

  /** @param {boolean} isPlaying */
  _playing(isPlaying) {
    this._button.textContent = isPlaying ? "❚❚" : "▶";
    this._button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  }

  /**
   * @param {keyof import("./sound.js").Wanted} name
   * @param {Event} event
   */
  _choose(name, event) {
    this._wanted[name] = !this._wanted[name];
    /** @type {Element} */ (event.currentTarget).setAttribute("aria-pressed", String(this._wanted[name]));
    this._make();
  }

  /** How exact the sound is. @param {any} call */
  _about(call) {
    const { bits, codec, tracks } = call.sound;
    if (codec) return `no sound: the stream was in ${codec}`;
    if (!tracks.length) return "no sound in this log";
    const lacking = tracks.includes("caller") ? "" : "; the caller's is not in this log";
    if (bits === 8) return `sound: exact${lacking}`;
    return `sound: ${bits} of 8 bits${lacking}; replay audio writes it exactly`;
  }
}
