/**
 * The program of a thread or process that runs the tasks of a pool, one at a time.
 *
 * @module
 */
import { toError } from "../../../core/errors.ts";
import { runAs } from "../../current-task.ts";
import { decodeMessage, MAX_BODY_BYTES } from "../../message/decode.ts";
import { writeTypedJson } from "../../message/typed-json.ts";
import type { TaskRuntime } from "../../task-runtime.ts";
import { findDefinition } from "../built-in-tasks.ts";
import { notRegistered } from "../not-registered.ts";
import { assertResultSize } from "../record-outcome.ts";
import { hearStrayErrors } from "../stray-errors.ts";
import { TaskAbort } from "../task-abort.ts";
import type { ToChild } from "./child-messages.ts";
import { ChildPort } from "./child-port.ts";
import { ChildVoice } from "./child-voice.ts";
import { fromErrorMessage, toErrorMessage } from "./error-message.ts";
import { loadTasks, type LoadedTasks } from "./load-tasks.ts";
import { becomePoolChild } from "./pool-child.ts";
import { toCurrentTask } from "./to-current-task.ts";

type RunMessage = Extract<ToChild, { readonly kind: "run" }>;

becomePoolChild();
const port = ChildPort.open();
let abort = new TaskAbort();
/** A callback has thrown: what this thread or process holds may be half-done. */
let isSpent = false;
hearStrayErrors({
  onRejection: (error) => port.post({ kind: "stray", error: toErrorMessage(error) }),
  onException(error, task) {
    isSpent = true;
    if (task) return; // its failure tells
    port.post({ kind: "stray", error: toErrorMessage(error) });
    port.end();
  },
});
const loaded = await load();
if (loaded) {
  port.listen((message) => void handle(message, loaded));
  port.post({ kind: "ready" });
}

/** Returns the tasks of the module, or says what is wrong with it and ends. */
async function load(): Promise<LoadedTasks | undefined> {
  const [, , moduleUrl = ""] = process.argv;
  try {
    return await loadTasks(moduleUrl);
  } catch (thrown) {
    port.post({ kind: "unusable", error: toErrorMessage(thrown) });
    port.end();
    return undefined;
  }
}

async function handle(message: ToChild, module: LoadedTasks): Promise<void> {
  switch (message.kind) {
    case "run":
      return await run(message, module.tasks.runtime);
    case "abort":
      return abort.abort(fromErrorMessage(message.reason));
    case "exit":
      await module.close();
      port.end();
  }
}

async function run({ encoded, facts }: RunMessage, runtime: TaskRuntime): Promise<void> {
  abort = new TaskAbort();
  const voice = new ChildVoice(abort, (message) => port.post(message));
  const ended = await call({ encoded, facts, runtime, voice });
  voice.flush();
  port.post({ kind: "ended", ...ended, memoryBytes: port.memoryBytes, isSpent });
}

interface Call extends Pick<RunMessage, "encoded" | "facts"> {
  readonly runtime: TaskRuntime;
  readonly voice: ChildVoice;
}

type Ended = Pick<Extract<Parameters<ChildPort["post"]>[0], { kind: "ended" }>, "result" | "error">;

/** Calls the function; never rejects. */
async function call({ encoded, facts, runtime, voice }: Call): Promise<Ended> {
  const { definitions, format, maxMessageBytes } = runtime;
  try {
    const maxBytes = Math.max(maxMessageBytes, MAX_BODY_BYTES);
    const message = decodeMessage(encoded, { accept: format.accept, maxBytes });
    const definition = findDefinition(definitions, message.task);
    if (!definition) throw notRegistered(message.task, definitions);
    const { args, kwargs } = message;
    const ended = runAs(
      () => toCurrentTask(message, facts, voice),
      () => definition.run(args, kwargs),
    );
    const result = await Promise.race([ended, voice.failed]);
    // A function that returns nothing returns null, as in Python.
    const text = writeTypedJson(result ?? null, "the result");
    assertResultSize(text, maxMessageBytes);
    return { result: text, error: null };
  } catch (thrown) {
    return { result: null, error: toErrorMessage(toError(thrown)) };
  }
}
