import { parseArgs } from "node:util";

import { measureEcho } from "./channels/figures/echo.ts";
import { measureFanOut } from "./channels/figures/fan-out.ts";
import { measureIdle } from "./channels/figures/idle.ts";
import { measureLatency } from "./channels/figures/latency.ts";
import { measureOpened } from "./channels/figures/opened.ts";
import { measurePython } from "./channels/figures/python.ts";
import { measureRedis } from "./channels/figures/redis.ts";
import { measureRooms } from "./channels/figures/rooms.ts";
import { pinThisProcess, SERVER_CORE } from "./channels/process.ts";
import { Setting, type Measure } from "./channels/setting.ts";
import { report } from "./figure.ts";

const FIGURES: Readonly<Record<string, Measure>> = {
  "fan-out-1000": async (setting) => await measureFanOut(setting, 1_000),
  "fan-out-5000": async (setting) => await measureFanOut(setting, 5_000),
  latency: measureLatency,
  rooms: measureRooms,
  redis: measureRedis,
  idle: measureIdle,
  opened: measureOpened,
  echo: measureEcho,
  python: measurePython,
};

const USAGE = `Usage: npm run bench:channels -- [--json] [--quick] [--only <figure>]...

Our server beside Socket.IO, raw ws and Channels, in one interleaved run.
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
  // A Redis has no core of its own either.
  pinThisProcess(SERVER_CORE);
  for (const name of values.only) {
    const measure = FIGURES[name];
    if (!measure) throw new Error(`no figure \`${name}\`; ${USAGE}`);
    await using setting = new Setting({ isQuick: values.quick });
    const measured = await measure(setting);
    report(measured, values);
  }
}
