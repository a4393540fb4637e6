/** How often a process that owes an answer is asked whether it lives, and how long it may be silent. */
const PING_MS = 500;
const SILENCE_MS = 2_500;
/** How many questions it is asked about at a time; the next ones the next time. */
const MAX_NUMBERS = 500;

/** Why there will be no answer: the process is dead, or does not know the question, or no longer. */
export type NoAnswer = "dead" | "missed";

/** Asks a process whether it lives, and knows these questions. */
export type Ping = (home: string, numbers: readonly number[]) => Promise<void>;

interface Home {
  heardAt: number;
  /** Those who wait for its answers, by the number of the question. */
  readonly questions: Map<number, (reason: NoAnswer) => void>;
}

/**
 * Notices when a process that owes us an answer has died, and when a question or its answer was lost on
 * the way.
 *
 * It is asked as long as it owes any answer, once for all of them together, so that an answer may take
 * as long as it likes.
 */
export class HomeWatch {
  readonly #ping: Ping;
  readonly #homes = new Map<string, Home>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;

  constructor(ping: Ping) {
    this.#ping = ping;
  }

  /** Watches over a question; returns what ends that. */
  add(
    name: string,
    question: { readonly number: number; readonly onNoAnswer: (reason: NoAnswer) => void },
  ): () => void {
    let home = this.#homes.get(name);
    if (!home) {
      this.#homes.set(name, (home = { heardAt: performance.now(), questions: new Map() }));
    }
    const { questions } = home;
    questions.set(question.number, question.onNoAnswer);
    if (!this.#timer) {
      this.#timer = setInterval(() => this.#look(), PING_MS).unref();
      this.#lookedAt = performance.now();
    }
    return () => {
      questions.delete(question.number);
      if (questions.size === 0) this.#homes.delete(name);
      if (this.#homes.size === 0) this.stop();
    };
  }

  /** Takes note of a sign of life, and of questions that the process does not know. */
  hear(name: string, unknown: readonly number[] = []): void {
    const home = this.#homes.get(name);
    if (!home) return;
    home.heardAt = performance.now();
    for (const number of unknown) home.questions.get(number)?.("missed");
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
      if (now - home.heardAt < SILENCE_MS) void this.#ping(name, takeTurn(home.questions));
      else for (const onNoAnswer of home.questions.values()) onNoAnswer("dead");
    }
  }
}

/** The numbers whose turn it is; they go to the end. */
function takeTurn(questions: Map<number, (reason: NoAnswer) => void>): readonly number[] {
  const numbers = [...questions.keys()];
  if (numbers.length <= MAX_NUMBERS) return numbers;
  const turn = numbers.slice(0, MAX_NUMBERS);
  for (const number of turn) {
    const onNoAnswer = questions.get(number);
    questions.delete(number);
    if (onNoAnswer) questions.set(number, onNoAnswer);
  }
  return turn;
}
