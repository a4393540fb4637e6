import type { DjangoKeys } from "./signing.ts";

/** A session that was found. */
export interface StoredSession {
  /** What Django's serializer made of it: JSON or a pickle, maybe in zlib. */
  readonly data: Uint8Array;
  /** When it ends, in milliseconds since 1970, if that is known. */
  readonly expiresAt?: number | undefined;
}

/** Where a Django site keeps its sessions: its `SESSION_ENGINE`. */
export interface DjangoSessionEngine {
  /**
   * The session that a cookie's value stands for.
   *
   * MUST be `null` for one that is unknown, expired, or not signed; MUST throw when that cannot be
   * found out.
   */
  load(cookie: string, keys: DjangoKeys): Promise<StoredSession | null>;
}

/** What Django makes up as the key of a stored session; everything else is not even looked for. */
export const SESSION_KEY: RegExp = /^[0-9a-z]{8,40}$/;
