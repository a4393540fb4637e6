/**
 * The program of a thread that ends its process when the parent process has died.
 *
 * @module
 */
/** How long a process may outlive its parent. */
const CHECK_MS = 1_000;

const [, , parent] = process.argv;

setInterval(() => {
  if (String(process.ppid) !== parent) process.kill(process.pid, "SIGKILL");
}, CHECK_MS);
