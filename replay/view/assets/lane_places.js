// @ts-check
// Where each lane of the timeline is: its top and its height.
import { WAVE_HEIGHT } from "./waves.js";

const BELOW = 44 + 2 * WAVE_HEIGHT;

export const LANES = {
  callerWords: [24, 18],
  waves: [44, 2 * WAVE_HEIGHT],
  earWords: [BELOW + 2, 18],
  cuts: [BELOW + 26, 34],
  marks: [BELOW + 64, 20],
  problems: [BELOW + 86, 16],
};
/** Between the two voices. */
export const WAVES_MIDDLE = 44 + WAVE_HEIGHT;
export const HEIGHT = BELOW + 104;
