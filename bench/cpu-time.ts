import { readdirSync, readFileSync } from "node:fs";

/** Milliseconds of processor time of a process so far, of all threads (schedstat: the first field, in nanoseconds). */
export function cpuTimeMs(pid: number | undefined): number {
  const tasks = `/proc/${pid}/task`;
  let sum = 0;
  for (const task of readdirSync(tasks)) {
    sum += Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  }
  return sum;
}
