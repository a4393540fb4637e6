import type { ControlCommand } from "./controlled-worker.ts";

/** Older samples are forgotten. */
const MAX_SAMPLES = 1_000;
/** So many are told of, unless somebody says otherwise. */
const SHOWN_SAMPLES = 10;

/** What this process held, each time that somebody asked since it was told last. */
const samples: string[] = [];

/** Notes how much memory the process holds, and tells it. */
export const sampleMemory: ControlCommand = () => {
  const held = heldMemory();
  samples.push(held);
  if (samples.length > MAX_SAMPLES) samples.shift();
  return held;
};

/** Tells what was noted, evenly picked, and what is held now; the notes are gone then. */
export const dumpMemory: ControlCommand = (_worker, { samples: asked }) => {
  const count = typeof asked === "number" && asked >= 1 ? Math.floor(asked) : SHOWN_SAMPLES;
  const noted = samples.splice(0);
  const step = Math.max(1, Math.floor(noted.length / count));
  const shown = noted.filter((_, index) => index % step === 0).slice(0, count);
  return [
    ...(shown.length > 0 ? ["- rss (sample):", ...shown.map((held) => `-    > ${held},`)] : []),
    `- rss (end): ${heldMemory()}.`,
    "",
  ].join("\n");
};

const UNITS = ["b", "KB", "MB", "GB"];

/** As Celery writes it: `57.125MB`. */
function heldMemory(): string {
  let size = process.memoryUsage.rss();
  let unit = 0;
  for (; size >= 1_024 && unit < UNITS.length - 1; unit++) size /= 1_024;
  return `${Number(size.toPrecision(5))}${UNITS[unit]}`;
}
