import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Client } from "pg";

import { freePort } from "../free-port.ts";

/** Where Debian has its programs. */
const VERSIONS = "/usr/lib/postgresql";

/** A real PostgreSQL on a free port of this machine, with nothing in it, that can die and come back. */
export class PostgresServer implements AsyncDisposable {
  readonly #port: number;
  readonly #folder: string;
  readonly #bin: string;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "tidings-postgres-"));
    const [newest] = readdirSync(VERSIONS).toSorted((a, b) => Number(b) - Number(a));
    if (newest === undefined) throw new Error(`no PostgreSQL in ${VERSIONS}`);
    this.#bin = join(VERSIONS, newest, "bin");
  }

  static async start(): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort());
    server.#init();
    await server.start();
    return server;
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`;
  }

  /** Starts it, with what it held before. */
  async start(): Promise<void> {
    const settings = [
      "fsync=off",
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      "max_connections=20",
      "shared_buffers=16MB",
    ];
    const options = settings.flatMap((setting) => ["-c", setting]);
    const args = ["-D", this.#folder, "-p", String(this.#port), ...options];
    const [program = "", ...rest] = this.#asUser("postgres", args);
    this.#process = spawn(program, rest, { stdio: "ignore" });
    await this.#untilReady();
  }

  /** Kills it at once, with all its connections. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    // "SIGQUIT: immediate shutdown", which leaves no process of it behind.
    child.kill("SIGQUIT");
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #init(): void {
    if (process.getuid?.() === 0) {
      const idOf = (flag: string): number =>
        Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
      chownSync(this.#folder, idOf("-u"), idOf("-g"));
    }
    const args = ["-D", this.#folder, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"];
    const [program = "", ...rest] = this.#asUser("initdb", args);
    execFileSync(program, rest, { stdio: "ignore" });
  }

  /** PostgreSQL refuses to run as root. */
  #asUser(program: string, args: readonly string[]): readonly string[] {
    const command = [join(this.#bin, program), ...args];
    if (process.getuid?.() !== 0) return command;
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", ...command];
  }

  async #untilReady(): Promise<void> {
    const limit = Date.now() + 30_000;
    while (!(await this.#answers())) {
      if (Date.now() > limit) throw new Error("PostgreSQL does not answer after 30 s");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async #answers(): Promise<boolean> {
    const client = new Client({ connectionString: this.url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      // It is starting.
      return false;
    }
  }
}
