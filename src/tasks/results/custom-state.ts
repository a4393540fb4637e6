import { TidingsError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";
import { writeTypedJson } from "../message/typed-json.ts";
import { TASK_STATES } from "../states.ts";

/** A state that a task made up itself. */
export interface CustomState {
  /** As Celery's callers see it: `PROGRESS`. */
  readonly state: string;
  /** What the task says of it. */
  readonly meta: unknown;
}

const MAX_STATE_LENGTH = 50;
const MAX_META_BYTES = 65_536;

/**
 * Returns a custom state as it is stored.
 *
 * @throws {TidingsError} OPTION_INVALID for a name that is empty, longer than 50 characters, or Celery's own.
 * @throws {TidingsError} TASK_TOO_LARGE when what it says exceeds 65,536 bytes of JSON.
 */
export function checkCustomState({ state, meta }: CustomState): CustomState {
  const isOwn = [...TASK_STATES, "REJECTED", "IGNORED"].some((known) => known === state);
  if (typeof state !== "string" || state === "" || state.length > MAX_STATE_LENGTH || isOwn) {
    const expected = `a name of 1 to ${MAX_STATE_LENGTH} characters that is no state of Celery's`;
    throw invalidOption("state", expected, state);
  }
  const bytes = Buffer.byteLength(writeTypedJson(meta, "the meta of a state"));
  if (bytes > MAX_META_BYTES) {
    const expected = `expected the meta of a state to be at most ${MAX_META_BYTES} bytes of JSON`;
    throw new TidingsError("TASK_TOO_LARGE", `${expected}, got ${bytes}`);
  }
  return { state, meta };
}
