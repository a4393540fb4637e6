import { runBenchmark } from "./run-benchmark.ts";
import { measureBacklog } from "./tasks/figures/backlog.ts";
import { measureEnqueue } from "./tasks/figures/enqueue.ts";
import { measureIdle } from "./tasks/figures/idle.ts";
import {
  measureProcess,
  PROCESS_1,
  PROCESS_50,
  PROCESS_RABBITMQ,
} from "./tasks/figures/process.ts";
import { measureRoundTrip } from "./tasks/figures/round-trip.ts";
import { measureSqlite } from "./tasks/figures/sqlite.ts";
import { Setting } from "./tasks/setting.ts";

await runBenchmark({
  script: "bench:tasks",
  about: "No-op tasks, ours beside BullMQ and Celery",
  open: (options) => new Setting(options),
  figures: {
    enqueue: measureEnqueue,
    "process-1": (setting: Setting) => measureProcess(setting, PROCESS_1),
    "process-50": (setting: Setting) => measureProcess(setting, PROCESS_50),
    rabbitmq: (setting: Setting) => measureProcess(setting, PROCESS_RABBITMQ),
    "round-trip": measureRoundTrip,
    idle: measureIdle,
    backlog: measureBacklog,
    sqlite: measureSqlite,
  },
});
