import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

import { median, type Figure } from "../../figure.ts";
import { Contender } from "../contender.ts";
import type { Setting } from "../setting.ts";
import { toTimes } from "../times.ts";

const COUNT = 10_000;
const ROUND_TRIPS = 1_000;
const FLOOR = 15_000;
const MAX_P50_MS = 1.5;

/** Tasks in a file, sent and worked on by two processes; every commit waits for the disk. */
export async function measureSqlite(setting: Setting): Promise<readonly Figure[]> {
  const enqueued: number[] = [];
  const processed: number[] = [];
  const waited: number[] = [];
  for (let round = 0; round < setting.rounds; round++) {
    const folder = mkdtempSync(join(tmpdir(), "tidings-bench-"));
    try {
      const file = join(folder, "tasks.db");
      await using sender = new Contender("tidings", [`sqlite:${file}`]);
      await sender.ask({ do: "send", count: 500, window: 64 });
      enqueued.push(Number(await sender.ask({ do: "send", count: COUNT, window: 64 })));
      await using worker = new Contender("tidings", [`sqlite:${file}`]);
      await worker.ask({ do: "work", concurrency: 50 });
      processed.push(await untilEmpty(file));
      waited.push(toTimes(await sender.ask({ do: "round-trips", count: ROUND_TRIPS })).p50);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return [
    atLeast("SQLite: enqueued by 64 at once, per second", enqueued),
    atLeast("SQLite: processed by a worker of 50, per second", processed),
    {
      ...toFigure("SQLite: sent and its result there, p50, milliseconds, at most 1.5", waited),
      floor: MAX_P50_MS,
      isMet: median(waited) <= MAX_P50_MS,
    },
  ];
}

/** Tasks a second, from a fifth of them to the last. */
async function untilEmpty(file: string): Promise<number> {
  using database = new DatabaseSync(file, { readOnly: true });
  const statement = database.prepare("SELECT count(*) AS count FROM tidings_messages");
  const untilAtMost = async (count: number): Promise<{ left: number; at: number }> => {
    for (;;) {
      const left = Number(statement.get()?.["count"]);
      if (left <= count) return { left, at: performance.now() };
      await delay(20);
    }
  };
  const first = await untilAtMost(COUNT * 0.8);
  const last = await untilAtMost(0);
  return ((first.left - last.left) / (last.at - first.at)) * 1_000;
}

function atLeast(name: string, values: readonly number[]): Figure {
  return { ...toFigure(name, values), floor: FLOOR, isMet: median(values) >= FLOOR };
}

/** There is no peer: the ratio tells how far the rounds are apart. */
function toFigure(name: string, values: readonly number[]): Omit<Figure, "isMet"> {
  const note = `lowest ${Math.min(...values).toFixed(2)}, highest ${Math.max(...values).toFixed(2)}`;
  return { name, ours: median(values), peer: Number.NaN, ratio: Number.NaN, note };
}
