import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";

/** Servers share one core, as each of them would have one; the load has another. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;

/** What a module and its Node are told. */
export interface ModuleOptions {
  readonly args?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
}

/** Starts a module of this folder in a process of its own, on one core if the system can. */
export function startModule(
  file: string,
  core: number,
  { args = [], flags = [] }: ModuleOptions = {},
): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const node = [process.execPath, "--expose-gc", ...flags, ...process.execArgv, path, ...args];
  return startPinned(core, node, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
}

/** Starts a command on one core; without `taskset`, or with one core, wherever the system puts it. */
export function startPinned(
  core: number,
  command: readonly string[],
  options: Parameters<typeof spawn>[2],
): ChildProcess {
  const [file = "", ...args] = canPin(core) ? ["taskset", "-c", String(core), ...command] : command;
  return spawn(file, args, options);
}

/** Puts this process, and what it starts from now on, on one core. */
export function pinThisProcess(core: number): void {
  if (!canPin(core)) return;
  spawnSync("taskset", ["-cp", String(core), String(process.pid)], { stdio: "ignore" });
}

/** Waits for the next message of a process that must not end before it. */
export async function nextMessage(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const onExit = (code: number | null): void => ended.abort(new Error(`it exited with ${code}`));
  child.once("exit", onExit);
  try {
    const [message] = await once(child, "message", { signal: ended.signal });
    return message;
  } finally {
    child.off("exit", onExit);
  }
}

function canPin(core: number): boolean {
  return process.platform === "linux" && cpus().length > core;
}

export async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
