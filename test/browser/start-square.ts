import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { freePort } from "../free-port.ts";

/** A square that runs as `npm start` runs it: a supervisor, a server and a worker. */
export interface Square extends AsyncDisposable {
  readonly url: string;
  /** Kills the server or the worker with SIGKILL, as `kill -9` does. The supervisor starts another. */
  kill(name: "server" | "worker"): void;
}

/** Starts a square on a free port, with a data folder of its own. */
export async function startSquare(): Promise<Square> {
  const dataFolder = await mkdtemp(join(tmpdir(), "square-"));
  const url = `http://localhost:${await freePort()}`;
  const child = spawnDev(new URL(url).port, dataFolder);
  const pids = new Map<string, number>();
  const output: string[] = [];
  const { promise: started, resolve, reject } = Promise.withResolvers<void>();
  readLines(child, (line) => {
    output.push(line);
    const { process, childPid, msg } = parseLine(line);
    if (process !== undefined && childPid !== undefined) pids.set(process, childPid);
    if (msg === "server started") resolve();
  });
  const ended = once(child, "exit");
  void ended.then(() => reject(new Error(`the square has stopped:\n${output.join("\n")}`)));
  await started;
  return {
    url,
    kill(name) {
      const pid = pids.get(name);
      if (pid === undefined) throw new Error(`no ${name} has started:\n${output.join("\n")}`);
      process.kill(pid, "SIGKILL");
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

function spawnDev(port: string, dataFolder: string): ChildProcess {
  const square = "examples/square";
  const node = ["--conditions=tidings-source", "--import", `./${square}/tsx.ts`];
  const dev = ["src/cli/main.ts", "dev", `${square}/main.ts`, "--no-watch", "--port", port];
  return spawn(process.execPath, [...node, ...dev], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, SQUARE_DATA: dataFolder },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function readLines({ stdout, stderr }: ChildProcess, onLine: (line: string) => void): void {
  for (const input of [stdout, stderr]) if (input) createInterface({ input }).on("line", onLine);
}

interface LogLine {
  readonly msg?: string;
  readonly process?: string;
  readonly childPid?: number;
}

/** Logs are JSON when they do not go to a terminal; everything else has no fields. */
function parseLine(line: string): LogLine {
  try {
    const fields: LogLine = JSON.parse(line);
    return fields;
  } catch {
    return {}; // a line of the banner
  }
}
