/** How often a process that owes an answer is asked whether it lives, and how long it may be silent. */
const PING_MS = 500;
const SILENCE_MS = 2_500;

interface Home {
  heardAt: number;
  /** Told when it is silent for too long. */
  readonly watchers: Set<() => void>;
}

/**
 * Notices when a process that owes us an answer has died.
 *
 * It is asked for a sign of life as long as it owes any, once for all answers together, so that an
 * answer may take as long as it likes.
 */
export class HomeWatch {
  readonly #ping: (home: string) => Promise<void>;
  readonly #homes = new Map<string, Home>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  constructor(ping: (home: string) => Promise<void>) {
    this.#ping = ping;
  }

  /** Watches a process; returns what ends that. */
  add(name: string, onSilence: () => void): () => void {
    let home = this.#homes.get(name);
    if (!home) this.#homes.set(name, (home = { heardAt: performance.now(), watchers: new Set() }));
    const { watchers } = home;
    watchers.add(onSilence);
    if (!this.#timer) {
      this.#timer = setInterval(() => this.#look(), PING_MS).unref();
      this.#lookedAt = performance.now();
    }
    return () => {
      watchers.delete(onSilence);
      if (watchers.size === 0) this.#homes.delete(name);
      if (this.#homes.size === 0) this.stop();
    };
  }

  /** Takes note of a sign of life. */
  hear(name: string): void {
    const home = this.#homes.get(name);
    if (home) home.heardAt = performance.now();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const now = performance.now();
    // While this process was busy or suspended, nobody could be heard.
    const deafMs = Math.max(0, now - this.#lookedAt - 2 * PING_MS);
    this.#lookedAt = now;
    for (const [name, home] of this.#homes) {
      home.heardAt += deafMs;
      if (now - home.heardAt < SILENCE_MS) void this.#ping(name);
      else for (const onSilence of home.watchers) onSilence();
    }
  }
}
