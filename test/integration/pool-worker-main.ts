/** A worker of its own process: `node pool-worker-main.ts async`, or with a pool of processes. */
import { tasks } from "./pool-module.ts";

const module = new URL("./pool-module.ts", import.meta.url);
const worker = tasks.createWorker({
  concurrency: 1,
  leaseMs: 1_500,
  pool: process.argv[2] === "async" ? "async" : { kind: "processes", module },
});
await worker.start();
