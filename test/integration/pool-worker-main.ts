/** A worker of its own process, with a pool of processes: `node pool-worker-main.ts`. */
import { tasks } from "./pool-module.ts";

const module = new URL("./pool-module.ts", import.meta.url);
const worker = tasks.createWorker({
  concurrency: 1,
  leaseMs: 500,
  pool: { kind: "processes", module },
});
await worker.start();
