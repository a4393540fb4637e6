import { toError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import {
  assertFunction,
  assertKnownOptions,
  invalidOption,
  optionNames,
  wrongKind,
} from "../core/options.ts";
import { inTime } from "./in-time.ts";

/** Why something is not available, or nothing when it is. */
export type HealthCheck = () => string | undefined | Promise<string | undefined>;

/** Where a server says how it is. */
export interface HealthOptions {
  /** Answers 200 as long as the process answers at all. @default "/healthz" */
  readonly livePath?: string | undefined;
  /** Answers 200 when requests may be sent here, else 503 with the reasons. @default "/readyz" */
  readonly readyPath?: string | undefined;
  /** What must be available for that, by name, beside the application's drivers. */
  readonly checks?: Readonly<Record<string, HealthCheck>> | undefined;
}

const NAMES = optionNames<HealthOptions>({
  livePath: true,
  readyPath: true,
  checks: true,
});

/** How long one check may take. */
const CHECK_TIMEOUT_MS = 2_000;

/**
 * Whether this process lives, and whether it is ready for requests.
 *
 * A path that was named comes before the application's pages, one by default after them: it answers
 * only what they answer with 404. Routes come first in any case.
 */
export class Health {
  readonly #livePath: string | undefined;
  readonly #readyPath: string | undefined;
  readonly #named = new Set<string>();
  readonly #checks: ReadonlyMap<string, HealthCheck>;
  /** What the checks say, while they are asked. */
  #failures: Promise<readonly string[]> | undefined;
  /** Set when the server begins to stop. */
  isDraining = false;

  constructor(
    options: HealthOptions | false = {},
    driverChecks: ReadonlyMap<string, HealthCheck> = new Map(),
  ) {
    if (options !== false) {
      assertHealth(options);
      const { livePath, readyPath } = options;
      for (const path of [livePath, readyPath]) {
        if (path !== undefined) this.#named.add(path);
      }
      this.#livePath = livePath ?? "/healthz";
      this.#readyPath = readyPath ?? "/readyz";
    }
    this.#checks = new Map([...driverChecks, ...Object.entries((options && options.checks) || {})]);
  }

  /** Whether this path was named, and so comes before the application's pages. */
  isNamed(pathname: string): boolean {
    return this.#named.has(pathname);
  }

  /** The answer at this path; nothing when it is none of ours. */
  async answer({ method }: Request, pathname: string): Promise<Response | undefined> {
    if (method !== "GET" && method !== "HEAD") return undefined;
    if (pathname === this.#livePath) return toAnswer(200, { status: "ok" });
    if (pathname !== this.#readyPath) return undefined;
    const reasons = await this.reasons();
    return reasons.length === 0
      ? toAnswer(200, { status: "ready" })
      : toAnswer(503, { status: "unavailable", reasons });
  }

  /** Why no requests should be sent here. Those who ask meanwhile share the answers of the checks. */
  async reasons(): Promise<readonly string[]> {
    this.#failures ??= this.#askAll().finally(() => (this.#failures = undefined));
    const failures = await this.#failures;
    return [...(this.isDraining ? ["draining"] : []), ...failures];
  }

  async #askAll(): Promise<readonly string[]> {
    const failures = await Promise.all(
      [...this.#checks].map(async ([name, check]) => {
        const reason = await ask(check);
        return reason === undefined ? [] : [`${name}: ${reason}`];
      }),
    );
    return failures.flat();
  }
}

/** Throws `OPTION_INVALID` for what does not say where a server tells how it is. */
export function assertHealth(options: HealthOptions): void {
  assertKnownOptions("`health`", options, NAMES);
  const { livePath, readyPath, checks = {} } = options;
  for (const path of [livePath, readyPath]) {
    if (path === undefined || (typeof path === "string" && path.startsWith("/"))) continue;
    throw invalidOption("health", "paths that begin with a slash", path);
  }
  if (!isRecord(checks)) throw wrongKind("health.checks", "an object with functions", checks);
  for (const [name, check] of Object.entries(checks)) {
    assertFunction(`health.checks.${name}`, check);
  }
}

/** Whoever asks may be anybody: what a check throws is not told in full. */
async function ask(check: HealthCheck): Promise<string | undefined> {
  try {
    return await inTime(Promise.try(check), CHECK_TIMEOUT_MS);
  } catch (thrown) {
    return toError(thrown).name === "TidingsError" ? toError(thrown).message : "failed";
  }
}

function toAnswer(status: number, body: object): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store" } });
}
