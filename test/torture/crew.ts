import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { now } from "./history.ts";
import type { Journal } from "./journal.ts";
import type { Random } from "./random.ts";
import { STALL_MS } from "./settings.ts";

/** How to make a {@link Crew}. */
export interface CrewOptions {
  /** What the processes run: `worker-main.ts`. */
  readonly main: string;
  readonly size: number;
  /** The arguments of a process, given its name. */
  readonly args: (name: string) => readonly string[];
  readonly journal: Journal;
  /** Hears what a process could not do. */
  readonly onTrouble: (message: string) => void;
}

/**
 * Processes of one kind. Who dies is replaced, under a new name.
 *
 * A busy machine harms processes, too: whose beats are late is written down as stalled. Whatever harms
 * one is so from its last beat on, since nobody knows whether it did anything after that.
 */
export class Crew {
  readonly #options: CrewOptions;
  readonly #members = new Set<ChildProcess>();
  /** When those that beat did so last. */
  readonly #beats = new WeakMap<ChildProcess, number>();
  #count = 0;
  #isEnded = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.size }, () => this.#add()));
  }

  /** Kills one with SIGKILL, and puts another into its place. */
  async kill(random: Random): Promise<void> {
    const member = this.#pick(random);
    if (!member) return;
    const exited = once(member, "exit");
    this.#members.delete(member);
    // Written before: what it did between the two must not look as if nothing had harmed it.
    this.#write(member, "killed", null);
    member.kill("SIGKILL");
    await exited;
    await this.#add();
  }

  /** Lets one do nothing for a while. */
  async suspend(random: Random, suspendMs: number): Promise<void> {
    const member = this.#pick(random);
    if (!member) return;
    this.#write(member, "suspended", now() + suspendMs + SLACK_MS);
    member.kill("SIGSTOP");
    await delay(suspendMs);
    member.kill("SIGCONT");
    // That it was late so far is written down already.
    this.#beats.set(member, now());
  }

  /** Asks one to stop, as a deployment does, and puts another into its place. */
  async replace(random: Random): Promise<void> {
    const member = this.#pick(random);
    if (!member) return;
    this.#members.delete(member);
    const exited = once(member, "exit");
    member.kill("SIGTERM");
    const overdue = setTimeout(() => {
      this.#options.onTrouble(`process ${member.pid} did not stop; killed`);
      this.#write(member, "killed", null);
      member.kill("SIGKILL");
    }, STOP_MS);
    await exited;
    clearTimeout(overdue);
    await this.#add();
  }

  /** Ends all. */
  async end(): Promise<void> {
    this.#isEnded = true;
    const members = [...this.#members];
    this.#members.clear();
    await Promise.all(
      members.map(async (member) => {
        const exited = once(member, "exit");
        member.kill("SIGKILL");
        await exited;
      }),
    );
  }

  /** Adds one that works; who dies before it does, as of a database that is locked, is replaced. */
  async #add(): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const name = `${this.#options.main.replace("-main.ts", "")}-${this.#count++}`;
      if (await this.#start(name)) return;
    }
    throw new Error(`${this.#options.main} cannot be started`);
  }

  async #start(name: string): Promise<boolean> {
    const main = fileURLToPath(new URL(this.#options.main, import.meta.url));
    const member = fork(main, [...this.#options.args(name)], {
      execArgv: ["--conditions=tidings-source"],
    });
    let isReady = false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    member.on("message", (text: string) => {
      if (text === "beat") return this.#onBeat(member);
      if (isReady) return this.#options.onTrouble(text);
      isReady = true;
      if (this.#isEnded) member.kill("SIGKILL");
      else this.#members.add(member);
      resolve(true);
    });
    member.once("exit", (code, signal) => {
      resolve(false);
      // It was to end.
      if (isReady && !this.#members.delete(member)) return;
      this.#options.onTrouble(`${name} ended by itself: ${String(code ?? signal)}`);
      this.#write(member, "killed", null);
      if (isReady) void this.#add();
    });
    return await promise;
  }

  /** One that works; there is none while all are being replaced. */
  #pick(random: Random): ChildProcess | undefined {
    const [first, ...others] = this.#members;
    return first && random.pick([first, ...others]);
  }

  #onBeat(member: ChildProcess): void {
    const isLate = now() - (this.#beats.get(member) ?? Infinity) > STALL_MS;
    if (isLate) this.#write(member, "stalled", now() + SLACK_MS);
    this.#beats.set(member, now());
  }

  #write(
    member: ChildProcess,
    how: "killed" | "suspended" | "stalled",
    until: number | null,
  ): void {
    const { pid = 0 } = member;
    this.#options.journal.write({ kind: "harmed", pid, how, until }, this.#beats.get(member));
  }
}

/** How often a process may die before it works. */
const MAX_TRIES = 10;
/** A process that goes on needs a moment until it has heard what happened meanwhile. */
const SLACK_MS = 1_500;
/** Half a second of patience, a second of grace, and a busy machine. */
const STOP_MS = 15_000;
