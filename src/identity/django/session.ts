import { PickleRefused, readPickle } from "./pickle.ts";
import { inflate, MAX_SESSION_BYTES } from "./signing.ts";

/** Who a session says was signed in, and how to check that it still holds. */
export interface SignedInSession {
  readonly userId: string;
  /** The dotted name of what recognised the user's password. */
  readonly backend: string;
  /** An HMAC of the user's password field. */
  readonly hash: string;
}

const FIRST_OF_JSON = 0x7b;
const FIRST_OF_PICKLE = 0x80;
const FIRST_OF_ZLIB = 0x78;

/**
 * Reads a session as Django's serializers and caches write it: JSON, a pickle, or zlib of either.
 *
 * `null` when nobody is signed in, and for whatever cannot be read or is larger than 1 MiB.
 */
export function readSession(bytes: Uint8Array): SignedInSession | null {
  const unpacked = bytes[0] === FIRST_OF_ZLIB ? inflate(bytes) : bytes;
  if (!unpacked || unpacked.length > MAX_SESSION_BYTES) return null;
  const field = readFields(unpacked);
  const userId = field("_auth_user_id");
  const backend = field("_auth_user_backend");
  const hash = field("_auth_user_hash");
  return userId && backend && hash ? { userId, backend, hash } : null;
}

type ReadField = (name: string) => string | null;

function readFields(bytes: Uint8Array): ReadField {
  switch (bytes[0]) {
    case FIRST_OF_JSON:
      return fieldsOfJson(bytes);
    case FIRST_OF_PICKLE:
      return fieldsOfPickle(bytes);
    default:
      return noField;
  }
}

/** Django decodes its JSON as Latin-1: it escapes what is not ASCII. */
function fieldsOfJson(bytes: Uint8Array): ReadField {
  try {
    const session: unknown = JSON.parse(Buffer.from(bytes).toString("latin1"));
    if (typeof session !== "object" || session === null) return noField;
    const fields = new Map<unknown, unknown>(Object.entries(session));
    return (name) => toText(fields.get(name));
  } catch (error) {
    if (error instanceof SyntaxError) return noField;
    throw error;
  }
}

function fieldsOfPickle(bytes: Uint8Array): ReadField {
  try {
    const session = readPickle(bytes);
    return session instanceof Map ? (name) => toText(session.get(name)) : noField;
  } catch (error) {
    if (error instanceof PickleRefused) return noField;
    throw error;
  }
}

function toText(value: unknown): string | null {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return typeof value === "string" ? value : null;
}

function noField(): null {
  return null;
}
