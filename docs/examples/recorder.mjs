// A recorder for a bridge in Node, one for each call:
//   const record = recorder(`recordings/${Date.now()}.jsonl`);
//   twilio.on("message", (data) => record("caller", "in", data));   and record("caller", "out", text) before twilio.send(text)
//   openai.on("message", (data) => record("model", "in", data));    and record("model", "out", text) before openai.send(text)
//   twilio.on("close", () => record.close());
import { createWriteStream } from "node:fs";

export function recorder(path) {
  const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
  file.on("error", (error) => console.error(`${path} is not recorded: ${error.message}`));
  const began = performance.now();
  const line = (fields) => file.write(JSON.stringify(fields) + "\n");
  line({ playhead_recording: 1, started_at: new Date().toISOString() });
  const record = (leg, way, frame) => line({ at_ms: performance.now() - began, leg, way, frame: String(frame) });
  record.close = () => (line({ at_ms: performance.now() - began, closed: true }), file.end());
  return record;
}
