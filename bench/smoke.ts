import { parseArgs } from "node:util";

import { report } from "./figure.ts";
import { measureFanOut } from "./smoke/fan-out.ts";
import { measureTasks } from "./smoke/tasks.ts";

const USAGE = `Usage: npm run bench:smoke -- [--json]

Fan-out beside raw ws, and tasks through SQLite beside bare SQL, in one interleaved run.
Prints a table, or with --json one object per figure. Exits with 1 when a floor is missed.`;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) console.log(USAGE);
else report([...(await measureFanOut()), ...(await measureTasks())], values);
