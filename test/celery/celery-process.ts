import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { PYTHON } from "../python/channels-peer.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Where Celery's messages and results are: both in one place, or each in its own. */
export type CeleryPlace =
  | string
  | {
      readonly broker: string;
      readonly results: string;
      /** Of the queues that Celery declares on RabbitMQ. */
      readonly maxPriority?: number;
      /** Of the broker's keys in Redis. */
      readonly keyPrefix?: string;
    };

function toEnvironment(place: CeleryPlace): Readonly<Record<string, string>> {
  if (typeof place === "string") return { BROKER_URL: place, RESULT_URL: place };
  const { broker, results, maxPriority = 0, keyPrefix = "" } = place;
  return {
    BROKER_URL: broker,
    RESULT_URL: results,
    MAX_PRIORITY: String(maxPriority),
    KEY_PREFIX: keyPrefix,
  };
}

/** A process of Celery: a worker, or a caller that is told what to call. */
class CeleryProcess implements AsyncDisposable {
  readonly child: ChildProcess;

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(PYTHON, args, {
      cwd: folder,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own: the processes of the pool end with their parent.
      detached: true,
    });
  }

  /** Kills it and all that it has started. */
  async kill(): Promise<void> {
    const { child } = this;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** A Celery worker with the tasks of `celery_app.py`. */
export class CeleryWorker extends CeleryProcess {
  static async start(
    place: CeleryPlace,
    {
      queue = "celery",
      acksLate = false,
      mingles = false,
    }: { queue?: string; acksLate?: boolean; mingles?: boolean } = {},
  ): Promise<CeleryWorker> {
    const without = ["--without-gossip", ...(mingles ? [] : ["--without-mingle"])];
    const options = ["-c", "1", "-Q", queue, ...without, "-l", "INFO"];
    const worker = new CeleryWorker(["-m", "celery", "-A", "celery_app", "worker", ...options], {
      ...toEnvironment(place),
      ACKS_LATE: acksLate ? "1" : "0",
      C_FORCE_ROOT: "1",
    });
    await worker.#untilReady();
    return worker;
  }

  async #untilReady(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let log = "";
    this.child.once("exit", () => reject(new Error(`the Celery worker has ended:\n${log}`)));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (text: Buffer) => {
        log = (log + text.toString()).slice(-10_000);
        if (log.includes(" ready.")) resolve();
      });
    }
    await promise;
  }
}

/** A Celery client: calls tasks, waits for results, revokes. */
export class CeleryCaller extends CeleryProcess {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #nextId = 0;

  static start(place: CeleryPlace): CeleryCaller {
    return new CeleryCaller(["celery_caller.py"], toEnvironment(place));
  }

  private constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    super(args, env);
    const { stdout, stderr } = this.child;
    if (!stdout || !stderr) throw new Error("no output");
    let complaints = "";
    stderr.on("data", (text: Buffer) => (complaints += text.toString()));
    createInterface({ input: stdout }).on("line", (line) => this.#read(JSON.parse(line)));
    this.child.once("exit", () => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`the Celery client has ended:\n${complaints}`));
      }
    });
  }

  /** Sends a task; returns its id. */
  async send(
    name: string,
    args: readonly unknown[] = [],
    { kwargs = {}, ...options }: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    return String(await this.#call("send", name, args, kwargs, options));
  }

  async get(id: string, timeoutSeconds = 30): Promise<unknown> {
    return await this.#call("get", id, timeoutSeconds);
  }

  /** Sends a workflow, as `celery_canvas.py` reads it; returns the id of its result, or of the first one. */
  async canvas(workflow: unknown): Promise<string> {
    const [id = ""] = await this.canvasIds(workflow);
    return id;
  }

  /** The same, for a workflow that ends in a group. */
  async canvasIds(workflow: unknown): Promise<readonly string[]> {
    const ids = await this.#call("canvas", workflow);
    return Array.isArray(ids) ? ids.map(String) : [];
  }

  /** Sends a group, and has Celery save it; returns its id. */
  async savedGroup(workflow: unknown): Promise<string> {
    return String(await this.#call("saved group", workflow));
  }

  /** The results of a group that Celery has saved. */
  async group(id: string, timeoutSeconds = 30): Promise<unknown> {
    return await this.#call("group", id, timeoutSeconds);
  }

  /** State, info and children of a result. */
  async tree(id: string): Promise<unknown> {
    return await this.#call("tree", id);
  }

  async state(id: string): Promise<unknown> {
    return await this.#call("state", id);
  }

  async revoke(id: string, terminate = false): Promise<void> {
    await this.#call("revoke", id, terminate);
  }

  /** Runs a command of Celery's with `--json`, and returns what workers answered by their names. */
  async command(
    command: "inspect" | "control",
    ...words: readonly string[]
  ): Promise<Readonly<Record<string, unknown>>> {
    const said = String(await this.#call("command", command, "--json", ...words));
    const answers: object | readonly object[] = JSON.parse(said);
    // `control` prints a list of answers, `inspect` one object.
    return Object.assign({}, ...[answers].flat());
  }

  /** Declares an exchange and a queue that it finds by a routing key. */
  async bind(binding: {
    exchange: string;
    kind: string;
    key: string;
    queue: string;
  }): Promise<void> {
    await this.#call("bind", binding.exchange, binding.kind, binding.key, binding.queue);
  }

  /** Listens to a `Broadcast`, as a worker may. */
  async listen(name: string): Promise<void> {
    await this.#call("listen", name);
  }

  /** The next task that came to who listens. */
  async heard(timeoutSeconds = 30): Promise<unknown> {
    return await this.#call("heard", timeoutSeconds);
  }

  /** Restores all that anybody has taken, as a worker does when it was an hour ago. */
  async sweep(): Promise<void> {
    await this.#call("sweep");
  }

  async #call(op: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = this.#nextId++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.child.stdin?.write(`${JSON.stringify({ id, op, args })}\n`);
    return await waiting.promise;
  }

  #read({ id, result, error }: { id: number; result?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}
