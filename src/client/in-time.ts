import { Interruption, type InterruptionDetails } from "./interruption.ts";
import { watchSilence, type SilenceWatch } from "./watch-silence.ts";

/** How long something may take, and what is the matter when it takes longer. */
export interface Patience extends InterruptionDetails {
  readonly ms: number;
  readonly reason: string;
}

/**
 * Settles as the promise does, time included that the machine has slept.
 *
 * @throws {Interruption} when that takes too long.
 */
export async function inTime<T>(promise: Promise<T>, patience: Patience): Promise<T> {
  let watch: SilenceWatch | undefined;
  const late = new Promise<never>((_, reject) => {
    watch = watchSilence(patience.ms, () => reject(new Interruption(patience.reason, patience)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    watch?.stop();
  }
}
