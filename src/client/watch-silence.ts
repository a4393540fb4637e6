/** Of a server that shows every 15 s at the latest that it lives, by PROTOCOL.md 4.4, 5.2 and 6.1. */
export const SILENT_MS = 35_000;
const TICK_MS = 2_000;

/** Waits for somebody to go silent. */
export interface SilenceWatch {
  /** They have said something. */
  heard(): void;
  stop(): void;
}

/**
 * Calls back when nothing was heard for a time, once.
 *
 * Time that the machine slept through counts, which it does not for a timer: what was open before is most
 * likely dead. Hence ticks that look at the clock; when that is set back, a tick counts for itself.
 */
export function watchSilence(ms: number, onSilent: () => void): SilenceWatch {
  const tickMs = Math.min(ms, TICK_MS);
  let leftMs = ms;
  let at = Date.now();
  const look = (): void => {
    const now = Date.now();
    leftMs -= now < at ? tickMs : now - at;
    at = now;
    if (leftMs > 0) return;
    clearInterval(timer);
    onSilent();
  };
  const timer = setInterval(look, tickMs);
  return {
    heard() {
      leftMs = ms;
      at = Date.now();
    },
    stop: () => clearInterval(timer),
  };
}
