import { fork } from "node:child_process";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";

import { toError } from "../../../core/errors.ts";
import { isFromChild, toEnvelope, type FromChild, type ToChild } from "./child-messages.ts";

/** A thread or process that runs tasks, as its pool holds it. */
export interface ChildLink {
  /** `process 123`, `thread 4`. */
  readonly name: string;
  /** The process that it is, or is in. */
  readonly pid: number;
  post(message: ToChild): void;
  /** Ends it at once, whatever it does. */
  kill(): void;
  /** Resolves when it has ended: how. */
  readonly ended: Promise<string>;
}

/** What starts a thread or process that loads a module. */
export type StartChild = (moduleUrl: string, onMessage: (message: FromChild) => void) => ChildLink;

/** The program of a child, beside this file: as source or built. */
const PROGRAM = new URL(`./child-main${extname(import.meta.url)}`, import.meta.url);

/** Starts a process. It shares nothing with this one but its output, and dies with it. */
export function startProcess(
  moduleUrl: string,
  onMessage: (message: FromChild) => void,
): ChildLink {
  const child = fork(PROGRAM, [moduleUrl], {
    // Dates, bytes and big integers arrive as they are.
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Ctrl+C in a terminal reaches a whole process group: the pool alone decides when a child stops.
    detached: true,
  });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const name = `process ${child.pid ?? "without a pid"}`;
  child.once("exit", (code, signal) => resolve(signal ? `killed by ${signal}` : `exit ${code}`));
  child.on("error", (error) => {
    // A message that cannot be sent any more: the end of the process is told, too.
    if (child.pid === undefined) resolve(error.message);
  });
  child.on("message", (message) => {
    if (isFromChild(message)) onMessage(message);
  });
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    post(message) {
      if (child.connected) child.send(toEnvelope(message), () => {});
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

/** Starts a thread: it has a heap and an event loop of its own, and the process in common. */
export function startThread(moduleUrl: string, onMessage: (message: FromChild) => void): ChildLink {
  const thread = new Worker(PROGRAM, { argv: [moduleUrl] });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const name = `thread ${thread.threadId}`;
  let failure: string | undefined;
  thread.on("error", (error) => (failure = toError(error).message));
  thread.once("exit", (code) => resolve(failure ?? `exit ${code}`));
  thread.on("message", (message) => {
    if (isFromChild(message)) onMessage(message);
  });
  return {
    name,
    pid: process.pid,
    ended,
    post: (message) => thread.postMessage(toEnvelope(message)),
    kill: () => void thread.terminate(),
  };
}
