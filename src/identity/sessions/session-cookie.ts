import { assertKnownOptions, optionNames } from "../../core/options.ts";
import { assertCookie, readCookie, serializeCookie, type CookieAttributes } from "../cookies.ts";
import { Signature, type Secret } from "../signature.ts";

/** The cookie that stands for a session. It is always HttpOnly. */
export interface SessionCookieOptions {
  /** @default "__Host-session"; "session" when it has a domain, another path, or goes over http */
  readonly name?: string | undefined;
  /** The host whose subdomains get it too. @default the host that sets it, alone */
  readonly domain?: string | undefined;
  /** @default "/" */
  readonly path?: string | undefined;
  /** Sent over https only. Browsers take `http://localhost` for https, and no other http. @default true */
  readonly secure?: boolean | undefined;
  /** @default "Lax" */
  readonly sameSite?: CookieAttributes["sameSite"];
  /** Kept apart for each site that embeds ours. @default false */
  readonly partitioned?: boolean | undefined;
}

/** At most this many cookies of the name are looked at; a browser has one. */
const MAX_VALUES = 4;

const NAMES = optionNames<SessionCookieOptions>({
  name: true,
  domain: true,
  path: true,
  secure: true,
  sameSite: true,
  partitioned: true,
});

/** Issues and reads the signed cookie of a session. */
export class SessionCookie {
  readonly name: string;
  readonly #attributes: CookieAttributes;
  readonly #signature: Signature;

  constructor(options: SessionCookieOptions, secret: Secret) {
    assertKnownOptions("`cookie`", options, NAMES);
    const { domain, path = "/", secure = true, sameSite = "Lax", partitioned = false } = options;
    const isHost = secure && path === "/" && domain === undefined;
    this.name = options.name ?? (isHost ? "__Host-session" : "session");
    this.#attributes = { domain, path, secure, sameSite, partitioned };
    this.#signature = new Signature(secret, this.name);
    assertCookie(this.name, this.#attributes);
  }

  /** What we have signed among the cookies of a request. A browser may bring several, of other paths. */
  read(request: Request): readonly string[] {
    return readCookie(request, this.name)
      .slice(0, MAX_VALUES)
      .map((value) => this.#signature.verify(value))
      .filter((value) => value !== null);
  }

  /** The `Set-Cookie` value that gives a browser this text. */
  issue(text: string, maxAgeMs: number): string {
    return serializeCookie(this.name, this.#signature.sign(text), {
      ...this.#attributes,
      maxAgeMs,
    });
  }

  /** The `Set-Cookie` value that takes the cookie away. */
  clear(): string {
    return serializeCookie(this.name, "", { ...this.#attributes, maxAgeMs: 0 });
  }
}
