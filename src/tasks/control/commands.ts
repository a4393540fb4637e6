import { toCelerySettings, toReport, type WorkerConfiguration } from "./configuration.ts";
import { addConsumer, cancelConsumer } from "./consumer-commands.ts";
import type { ControlCommand, ControlledWorker } from "./controlled-worker.ts";
import { errorAnswer } from "./error-answer.ts";
import { hello, listRevoked } from "./hello-command.ts";
import { processClock } from "./lamport-clock.ts";
import { changeRateLimit, changeTimeLimits } from "./limit-commands.ts";
import { dumpMemory, sampleMemory } from "./memory-samples.ts";
import { changeAutoscale, growPool, restartPool, shrinkPool } from "./pool-commands.ts";
import { toQueueInfo } from "./queue-info.ts";
import { listActive, listReserved, queryTask } from "./request-info.ts";
import { revoke, terminate } from "./revoke-command.ts";
import { listRegistered } from "./task-info.ts";
import { workerStats } from "./worker-stats.ts";

/** Celery's commands, by their names and by the older ones. */
export const CONTROL_COMMANDS: Readonly<Record<string, ControlCommand>> = {
  ping: () => ({ ok: "pong" }),
  clock: () => ({ clock: processClock.forward() }),
  hello,
  // What a worker is, has, and has done.
  stats: workerStats,
  conf,
  dump_conf: conf,
  report: (worker) => ({ ok: toReport(toConfiguration(worker)) }),
  memsample: sampleMemory,
  memdump: dumpMemory,
  // As where Python has none installed.
  objgraph: () => errorAnswer("ImportError", "Requires the objgraph library"),
  registered: listRegistered,
  dump_tasks: listRegistered,
  active: listActive,
  dump_active: listActive,
  reserved: listReserved,
  dump_reserved: listReserved,
  query_task: queryTask,
  // What is not due waits in the broker, not in a worker.
  scheduled: () => [],
  dump_schedule: () => [],
  revoked: listRevoked,
  dump_revoked: listRevoked,
  active_queues: ({ queues }) => queues().map(toQueueInfo),
  // What it is to do.
  revoke,
  terminate,
  rate_limit: changeRateLimit,
  time_limit: changeTimeLimits,
  add_consumer: addConsumer,
  cancel_consumer: cancelConsumer,
  pool_grow: growPool,
  pool_shrink: shrinkPool,
  pool_restart: restartPool,
  autoscale: changeAutoscale,
  shutdown: (worker) => worker.shutDown(),
  // Its life is told by its answers and its records, not by events.
  enable_events: () => ({ error: "task events are not supported by this worker" }),
  disable_events: () => ({ ok: "task events already disabled" }),
  heartbeat: () => null,
  election: () => null,
};

function conf(worker: ControlledWorker): unknown {
  return toCelerySettings(toConfiguration(worker));
}

function toConfiguration({ runtime, pool }: ControlledWorker): WorkerConfiguration {
  return { runtime, concurrency: pool.size };
}
