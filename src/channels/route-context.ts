import { KeptRequest } from "./kept-request.ts";
import type { Params } from "./path.ts";
import type { User } from "./user.ts";

/** What a {@link RouteContext} is made from. */
export interface RouteContextOptions {
  readonly request: Request | KeptRequest;
  readonly params: Params;
  readonly isUpgrade: boolean;
  /** The client's address, as the trusted proxies tell it, or who knows it. */
  readonly address: string | { readonly address: string };
}

/**
 * What is known of a request before a consumer or a feed answers it.
 *
 * The same for an upgrade, a stream, a poll and a POST. Middleware fills in the user, and until when
 * that holds.
 */
export class RouteContext {
  /** What the path's parameters matched. */
  readonly params: Params;
  /** Whether the request asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /** Who asks; `null` until a middleware has recognised somebody. */
  user: User | null = null;
  #request: Request | KeptRequest;
  #opened: Request | undefined;
  readonly #address: string | { readonly address: string };
  #isCompact = false;
  #validUntil: number | undefined;
  #answerHeaders: Map<string, string> | undefined;

  constructor({ request, params, isUpgrade, address }: RouteContextOptions) {
    this.#request = request;
    this.params = params;
    this.isUpgrade = isUpgrade;
    this.#address = address;
  }

  /** The client's IP address; that which a trusted proxy names, if the request came through one. */
  get address(): string {
    return typeof this.#address === "string" ? this.#address : this.#address.address;
  }

  /** The request, without a body when it is an upgrade. */
  get request(): Request {
    // Not `instanceof Request`: frameworks put classes of their own in its place.
    if (!(this.#request instanceof KeptRequest)) return this.#request;
    if (this.#isCompact) return this.#request.open();
    this.#opened ??= this.#request.open();
    return this.#opened;
  }

  /** Keeps the request as a text from now on; each look at {@link request} then makes a new one. */
  compact(): void {
    this.#isCompact = true;
    this.#opened = undefined;
    if (!(this.#request instanceof KeptRequest)) this.#request = KeptRequest.of(this.#request);
  }

  /**
   * Until when what the middleware found out may be relied on, in milliseconds since 1970.
   *
   * A connection that is open then has its middleware run again over the same request: it goes on with
   * the user and the time found now, or is closed with 3000 (unauthorized) when it is refused or the
   * time has not moved. `undefined`: for as long as it lasts.
   */
  get validUntil(): number | undefined {
    return this.#validUntil;
  }

  /** Shortens {@link validUntil}; of several middleware the earliest time counts. */
  expireAt(time: number): void {
    if (this.#validUntil === undefined || time < this.#validUntil) this.#validUntil = time;
  }

  /** Gives the answer a header, whatever it will be; not that of a WebSocket's handshake. @internal */
  setAnswerHeader(name: string, value: string): void {
    this.#answerHeaders ??= new Map();
    this.#answerHeaders.set(name, value);
  }

  /** The headers that the answer is to have, and forgets them. @internal */
  takeAnswerHeaders(): ReadonlyMap<string, string> | undefined {
    const headers = this.#answerHeaders;
    this.#answerHeaders = undefined;
    return headers;
  }

  /** Lengthens {@link validUntil}: the same user has just shown newer credentials. @internal */
  extendTo(time: number): void {
    if (this.#validUntil !== undefined && time > this.#validUntil) this.#validUntil = time;
  }
}

/**
 * Looks at a request before the routes that it guards.
 *
 * Returns nothing to let it pass, or the `Response` that refuses it: for an upgrade it becomes the
 * HTTP answer to the handshake. What it throws is logged and answered with 500.
 */
export type Middleware = (
  context: RouteContext,
) => Response | undefined | void | Promise<Response | undefined | void>;
