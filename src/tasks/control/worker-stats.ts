import { toBrokerInfo } from "./configuration.ts";
import type { ControlCommand, ControlledWorker } from "./controlled-worker.ts";
import { processClock } from "./lamport-clock.ts";

/** What a worker has done, and what it is made of. */
export const workerStats: ControlCommand = (worker) => {
  const { totals, startedAt, runtime, pool, prefetchMultiplier } = worker;
  const autoscale = worker.autoscale();
  return {
    total: Object.fromEntries(totals),
    pid: process.pid,
    clock: String(processClock.forward()),
    uptime: Math.floor((Date.now() - startedAt) / 1_000),
    pool: toPoolInfo(worker),
    broker: toBrokerInfo(runtime.places.broker),
    prefetch_count: pool.size * prefetchMultiplier,
    rusage: toUsage(),
    ...(autoscale && {
      autoscaler: {
        ...autoscale,
        current: pool.size,
        qty: worker.waiting().length + worker.running().length,
      },
    }),
  };
};

function toPoolInfo({ pool, timeLimits }: ControlledWorker): unknown {
  const { kind, size, children } = pool;
  const pids = children.map(({ pid }) => pid);
  return {
    implementation: `tidings:${kind}`,
    "max-concurrency": size,
    // Threads are all in this one.
    processes: pids.length === 0 ? [process.pid] : [...new Set(pids)],
    ...(kind === "threads" && { threads: pids.length }),
    "max-tasks-per-child": "N/A",
    "put-guarded-by-semaphore": false,
    timeouts: [toSeconds(timeLimits.softTimeLimitMs), toSeconds(timeLimits.timeLimitMs)],
  };
}

function toSeconds(ms: number | undefined): number {
  return ms === undefined ? 0 : ms / 1_000;
}

/** By the names of `getrusage`. */
function toUsage(): Readonly<Record<string, number>> {
  const usage = process.resourceUsage();
  return {
    utime: usage.userCPUTime / 1_000_000,
    stime: usage.systemCPUTime / 1_000_000,
    maxrss: usage.maxRSS,
    ixrss: usage.sharedMemorySize,
    idrss: usage.unsharedDataSize,
    isrss: usage.unsharedStackSize,
    minflt: usage.minorPageFault,
    majflt: usage.majorPageFault,
    nswap: usage.swappedOut,
    inblock: usage.fsRead,
    oublock: usage.fsWrite,
    msgsnd: usage.ipcSent,
    msgrcv: usage.ipcReceived,
    nsignals: usage.signalsCount,
    nvcsw: usage.voluntaryContextSwitches,
    nivcsw: usage.involuntaryContextSwitches,
  };
}
