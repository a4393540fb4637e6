import {
  readCloseUserMessage,
  RouteContext,
  SERVERS_GROUP,
  UNAUTHORIZED,
  userKey,
  userKeysOf,
  type RouteMatch,
} from "../channels/index.ts";
import { toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelLayer, LayerMessage } from "../layers/index.ts";
import { inTime } from "./in-time.ts";
import { passRoute } from "./route-request.ts";

/** What is told when the credentials of its connection have been renewed, or have ended. */
export interface LiveConnection {
  renew?(context: RouteContext): void;
  close(code: number, reason: string): void;
}

/** An open connection and what it was let in with. */
interface Entry {
  readonly match: RouteMatch;
  readonly connection: LiveConnection;
  context: RouteContext;
  /** Whether its middleware is running again just now, or is about to. */
  isChecked: boolean;
}

/** How often it is looked whether anybody's time is over. */
const SWEEP_MS = 1_000;
/** Middleware that runs again at the same time; a session store has other work, too. */
const MAX_CHECKS = 50;
/** How long it may take then; else those that hang would keep all others from being looked at. */
const CHECK_TIMEOUT_MS = 10_000;
const INTERNAL_ERROR = 1011;

/**
 * The open connections of recognised users: closes them when their credentials end, or when told to.
 *
 * When the time that a middleware has named (`expireAt`) is over, the route's middleware runs again
 * over the same request. With the same user and a later time, the connection goes on; otherwise it is
 * closed with 3000 (unauthorized), within about a second. When the middleware throws, or has not
 * answered after 10 s, nobody can say whether the user is still welcome: 1011.
 */
export class LiveConnections {
  readonly #layer: ChannelLayer;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #byUser = new Map<string, Set<Entry>>();
  readonly #expiring = new Set<Entry>();
  /** Those whose time is over, in the order of their turn. */
  readonly #due = new Set<Entry>();
  #timer: NodeJS.Timeout | undefined;
  #checks = 0;
  #isListening = false;
  #unlisten: (() => void) | undefined;

  constructor(layer: ChannelLayer, logger: Logger, now: () => number = Date.now) {
    this.#layer = layer;
    this.#logger = logger;
    this.#now = now;
  }

  /** Watches over an open connection; returns what ends that. Anonymous ones need no watching. */
  add(match: RouteMatch, context: RouteContext, connection: LiveConnection): () => void {
    if (!context.user && context.validUntil === undefined) return nothing;
    const entry: Entry = { match, connection, context, isChecked: false };
    if (context.user) this.#addUser(userKey(context.user), entry);
    if (context.validUntil !== undefined) {
      this.#expiring.add(entry);
      this.#timer ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    }
    return () => this.#remove(entry);
  }

  /** Closes every connection of a user, by their id or name, that this process holds. */
  closeUser(user: string, code: number, reason: string): void {
    for (const key of userKeysOf(user)) {
      for (const { connection } of this.#byUser.get(key) ?? []) connection.close(code, reason);
    }
  }

  /** Looks again at those whose time is over. */
  sweep(): void {
    const now = this.#now();
    for (const entry of this.#expiring) {
      const { validUntil = Infinity } = entry.context;
      if (validUntil > now || entry.isChecked) continue;
      entry.isChecked = true;
      this.#due.add(entry);
    }
    this.#checkNext();
  }

  /** Stops watching; the connections are somebody else's. */
  stop(): void {
    clearInterval(this.#timer);
    this.#unlisten?.();
    this.#byUser.clear();
    this.#expiring.clear();
    this.#due.clear();
  }

  /** Whoever is done makes room for the next, so that nobody waits for the clock. */
  #checkNext(): void {
    for (const entry of this.#due) {
      if (this.#checks >= MAX_CHECKS) return;
      this.#due.delete(entry);
      this.#checks += 1;
      void this.#check(entry).finally(() => {
        this.#checks -= 1;
        entry.isChecked = false;
        this.#checkNext();
      });
    }
  }

  async #check(entry: Entry): Promise<void> {
    const { match, connection, context: before } = entry;
    const { request, params, isUpgrade, address } = before;
    const context = new RouteContext({ request, params, isUpgrade, address });
    try {
      const refusal = await inTime(passRoute(match, context), CHECK_TIMEOUT_MS);
      // For an answer that there is not.
      context.takeAnswerHeaders();
      if (!refusal && isSameUser(before, context) && !this.#isOver(context)) {
        entry.context = context;
        connection.renew?.(context);
        if (context.validUntil === undefined) this.#expiring.delete(entry);
      } else connection.close(UNAUTHORIZED, "credentials have ended");
    } catch (thrown) {
      this.#logger.error(
        { err: toError(thrown), path: match.path.path },
        "cannot check credentials",
      );
      connection.close(INTERNAL_ERROR, "internal error");
    }
  }

  #isOver({ validUntil = Infinity }: RouteContext): boolean {
    return validUntil <= this.#now();
  }

  #addUser(key: string, entry: Entry): void {
    let entries = this.#byUser.get(key);
    if (!entries) this.#byUser.set(key, (entries = new Set()));
    entries.add(entry);
    if (!this.#isListening) void this.#listen();
  }

  #remove(entry: Entry): void {
    this.#expiring.delete(entry);
    this.#due.delete(entry);
    const { user } = entry.context;
    if (!user) return;
    const key = userKey(user);
    const entries = this.#byUser.get(key);
    if (entries?.delete(entry) && entries.size === 0) this.#byUser.delete(key);
  }

  /** Hears what other processes close; when the layer is away, the next user tries again. */
  async #listen(): Promise<void> {
    this.#isListening = true;
    try {
      const channel = await this.#layer.newChannel("server");
      this.#unlisten = this.#layer.listen(channel, (message) => this.#onMessage(message));
      await this.#layer.groupAdd(SERVERS_GROUP, channel);
    } catch (thrown) {
      this.#unlisten?.();
      this.#isListening = false;
      this.#logger.warn({ err: toError(thrown) }, "cannot hear of users to be disconnected");
    }
  }

  #onMessage(message: LayerMessage): boolean {
    const closing = readCloseUserMessage(message);
    if (closing) this.closeUser(closing.user, closing.code, closing.reason);
    return true;
  }
}

function nothing(): void {}

function isSameUser({ user: before }: RouteContext, { user: now }: RouteContext): boolean {
  if (!before || !now) return before === now;
  return userKey(before) === userKey(now);
}
