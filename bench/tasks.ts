import { parseArgs } from "node:util";

import { report } from "./figure.ts";
import { measureBacklog } from "./tasks/figures/backlog.ts";
import { measureEnqueue } from "./tasks/figures/enqueue.ts";
import { measureIdle } from "./tasks/figures/idle.ts";
import { measureProcess } from "./tasks/figures/process.ts";
import { measureRoundTrip } from "./tasks/figures/round-trip.ts";
import { measureSqlite } from "./tasks/figures/sqlite.ts";
import { Setting, type Measure } from "./tasks/setting.ts";

const FIGURES: Readonly<Record<string, Measure>> = {
  enqueue: measureEnqueue,
  "process-1": async (setting) => await measureProcess(setting, 1),
  "process-50": async (setting) => await measureProcess(setting, 50, { bullmq: 1.5, celery: 10 }),
  "round-trip": measureRoundTrip,
  idle: measureIdle,
  backlog: measureBacklog,
  sqlite: measureSqlite,
};

const USAGE = `Usage: npm run bench:tasks -- [--json] [--quick] [--only <figure>]...

No-op tasks, ours beside BullMQ and Celery, in one interleaved run.
Figures: ${Object.keys(FIGURES).join(", ")}.
Prints a table, or with --json one object per figure. --quick runs 3 rounds.
Exits with 1 when a floor is missed.`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: Object.keys(FIGURES) },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(USAGE);
else {
  for (const name of values.only) {
    const measure = FIGURES[name];
    if (!measure) throw new Error(`no figure \`${name}\`; ${USAGE}`);
    await using setting = new Setting({ isQuick: values.quick });
    report(await measure(setting), values);
  }
}
