import type { ControlCommand } from "./controlled-worker.ts";
import { processClock } from "./lamport-clock.ts";

/** No answer names more ids. */
const MAX_IDS = 10_000;

/** The ids that were revoked. */
export const listRevoked: ControlCommand = ({ broker }) =>
  broker.revoked?.ids.slice(-MAX_IDS) ?? [];

/** A Python worker that starts asks what it has missed; it believes none but decimal times. */
export const hello: ControlCommand = ({ name, broker }, { from_node: from }) => {
  if (from === name) return null;
  const ids = broker.revoked?.ids.slice(-MAX_IDS) ?? [];
  // The machine's monotonic seconds, as Python counts them; never a whole number, which JSON would shorten.
  const now = Number(process.hrtime.bigint() / 1_000_000n) / 1_000 + 0.000_5;
  return {
    revoked: Object.fromEntries(ids.map((id) => [id, [now, id]])),
    clock: processClock.forward(),
  };
};
