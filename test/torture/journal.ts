import { openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { now, type HistoryEvent } from "./history.ts";

type WithoutTime<T> = T extends unknown ? Omit<T, "at"> : never;

/** Writes what one process sees into a file of its own, so that it survives the process. */
export class Journal {
  readonly #file: number;

  constructor(folder: string, name: string) {
    this.#file = openSync(join(folder, `${name}.jsonl`), "a");
  }

  /** Returns once the kernel has it: what was written before a SIGKILL is there after it. */
  write(event: WithoutTime<HistoryEvent>, at: number = now()): void {
    writeSync(this.#file, `${JSON.stringify({ ...event, at })}\n`);
  }
}

/** Reads the journals of a folder, in the order of time. A line that was cut off by a kill is left out. */
export function readJournals(folder: string): readonly HistoryEvent[] {
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `Journal` writes there
  const events = lines.map((line) => JSON.parse(line) as HistoryEvent);
  return events.toSorted((left, right) => left.at - right.at);
}
