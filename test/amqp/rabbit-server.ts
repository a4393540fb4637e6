import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { freePort } from "../free-port.ts";
import type { Certificate } from "../redis/certificate.ts";

/** What a {@link RabbitServer} is to be. */
export interface RabbitOptions {
  readonly certificate?: Certificate | undefined;
  /** Those that are enabled, separated by commas; all but for one that has been upgraded. */
  readonly featureFlags?: string | undefined;
}

/** A queue, as RabbitMQ's own tool lists it. */
export interface ListedQueue {
  readonly name: string;
  readonly type: string;
  /** How much of what is in it is with its consumers. */
  readonly unacknowledged: number;
}

/** A real RabbitMQ on free ports of this machine, with a folder of its own, that can die and come back. */
export class RabbitServer implements AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Where it speaks TLS, if it has a certificate. */
  readonly tlsUrl: string;
  readonly #ports: RabbitPorts;
  readonly #certificate: Certificate | undefined;
  readonly #featureFlags: string | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), "tidings-rabbit-"));
  #process: ChildProcess | undefined;

  private constructor(ports: RabbitPorts, { certificate, featureFlags }: RabbitOptions) {
    this.port = ports.plain;
    this.#ports = ports;
    this.#certificate = certificate;
    this.#featureFlags = featureFlags;
    this.url = `amqp://127.0.0.1:${ports.plain}`;
    this.tlsUrl = `amqps://127.0.0.1:${ports.tls}`;
  }

  /** Starts one; with a certificate it speaks TLS too. */
  static async start(options: RabbitOptions = {}): Promise<RabbitServer> {
    const ports = {
      plain: await freePort(),
      tls: await freePort(),
      distribution: await freePort(),
    };
    const server = new RabbitServer(ports, options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts it again, on the same ports, with what is durable; harmless while it runs. */
  async start(): Promise<void> {
    if (this.#process && this.#process.exitCode === null && this.#process.signalCode === null)
      return;
    mkdirSync(this.#home, { recursive: true });
    const config = join(this.#folder, "rabbitmq.conf");
    writeFileSync(
      config,
      [
        `listeners.tcp.1 = 127.0.0.1:${this.port}`,
        "log.console = false",
        "log.file = false",
        "vm_memory_high_watermark.absolute = 1GB",
        "disk_free_limit.absolute = 50MB",
        "loopback_users = none",
        ...this.#tlsLines(),
        "",
      ].join("\n"),
    );
    const advanced = join(this.#folder, "advanced.config");
    // What is due while RabbitMQ starts, and finds no queue yet, is tried again then: three minutes by default.
    const retry = "dead_letter_worker_publisher_confirm_timeout, 10000";
    writeFileSync(advanced, `[{rabbit, [{${retry}}]}].\n`);
    const plugins = join(this.#folder, "enabled_plugins");
    writeFileSync(plugins, "[].\n");
    this.#process = spawn("/usr/lib/rabbitmq/bin/rabbitmq-server", [], {
      // A process group of its own: the script starts the server as its child.
      detached: true,
      stdio: "ignore",
      cwd: this.#folder,
      env: {
        ...this.#identity,
        ...(this.#featureFlags !== undefined && { RABBITMQ_FEATURE_FLAGS: this.#featureFlags }),
        RABBITMQ_CONFIG_FILE: config,
        RABBITMQ_ADVANCED_CONFIG_FILE: advanced,
        RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
        RABBITMQ_MNESIA_BASE: join(this.#folder, "mnesia"),
        RABBITMQ_LOG_BASE: join(this.#folder, "log"),
        RABBITMQ_DIST_PORT: String(this.#ports.distribution),
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+S 1:1",
        ERL_EPMD_ADDRESS: "127.0.0.1",
      },
    });
    await this.#untilReady(this.#process);
  }

  /** Kills it at once. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await exited;
  }

  /** Sends it a signal, as SIGSTOP to let it hang. */
  signal(name: NodeJS.Signals): void {
    const pid = this.#process?.pid;
    if (pid !== undefined) process.kill(-pid, name);
  }

  /** Has it think that it has no memory left, or that it has some again. */
  async setShortOfMemory(isShort: boolean): Promise<void> {
    const limit = isShort ? ["0.0000001"] : ["absolute", "1GB"];
    await this.#control("set_vm_memory_high_watermark", ...limit);
  }

  /** Sets how long what comes over channels that are opened from now on may stay unacknowledged. */
  async setConsumerTimeout(timeoutMs: number): Promise<void> {
    const settings = { consumer_timeout: timeoutMs, channel_tick_interval: 500 };
    const sets = Object.entries(settings).map(
      ([name, value]) => `application:set_env(rabbit,${name},${value})`,
    );
    await this.#control("eval", `${sets.join(",")}.`);
  }

  /** The queues whose names begin so. */
  async listQueues(prefix: string): Promise<readonly ListedQueue[]> {
    const columns = ["name", "type", "messages_unacknowledged"];
    const { stdout } = await this.#control("list_queues", "--silent", ...columns);
    const rows = stdout.trim().split("\n");
    return rows
      .map((row) => row.split("\t"))
      .map(([name = "", type = "", count]) => ({ name, type, unacknowledged: Number(count) }))
      .filter(({ name }) => name.startsWith(prefix));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #home(): string {
    return join(this.#folder, "home");
  }

  /** Who may speak with it. */
  get #identity(): NodeJS.ProcessEnv {
    const nodeName = `tidings${this.port}@localhost`;
    return { PATH: process.env["PATH"], HOME: this.#home, RABBITMQ_NODENAME: nodeName };
  }

  async #control(...command: readonly string[]): Promise<{ readonly stdout: string }> {
    const rabbitmqctl = "/usr/lib/rabbitmq/bin/rabbitmqctl";
    return await promisify(execFile)(rabbitmqctl, [...command], { env: this.#identity });
  }

  #tlsLines(): readonly string[] {
    if (!this.#certificate) return [];
    const { certFile, keyFile } = this.#certificate;
    return [
      `listeners.ssl.1 = 127.0.0.1:${this.#ports.tls}`,
      `ssl_options.cacertfile = ${certFile}`,
      `ssl_options.certfile = ${certFile}`,
      `ssl_options.keyfile = ${keyFile}`,
    ];
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    // Sooner than the hook that starts it, so that it does not stay behind.
    const limit = Date.now() + 50_000;
    while (!(await greets(this.port))) {
      if (child.exitCode !== null) throw new Error(`rabbitmq-server exited with ${child.exitCode}`);
      if (Date.now() > limit) throw new Error("rabbitmq-server is not ready after 50 s");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

interface RabbitPorts {
  readonly plain: number;
  readonly tls: number;
  readonly distribution: number;
}

/** Whether it answers the AMQP header: the port listens a little earlier. */
async function greets(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => socket.write("AMQP\0\0\t\x01"));
  socket.once("data", () => resolve(true));
  socket.once("error", () => resolve(false));
  socket.once("close", () => resolve(false));
  const answered = await promise;
  socket.destroy();
  return answered;
}
