import { invalidOption } from "../core/options.ts";

/**
 * A place in what a consumer's connection has been sent.
 *
 * As a text it is `connection.sequence`, or `connection.sequence~positions`.
 */
export interface ConnectionPlace {
  /** The connection's id, which nobody can guess. */
  readonly connection: string;
  /** The number of the connection's last frame before this place; numbers grow, with gaps. */
  readonly sequence: number;
  /** Where the connection is in the histories of its groups, if it follows any: a cursor of its own. */
  readonly positions?: string | undefined;
}

const MAX_LENGTH = 1_024;
/** What the place of a connection leaves of it. */
const MAX_POSITIONS_LENGTH = 960;
const POSITIONS = /^[\w.~-]+$/;
/** 96 bits that name the process, and 128 that nobody can guess, in base64url. */
const CONNECTION_ID = /^([\w-]{16})\.[\w-]{22}$/;
const CURSOR = /^([\w-]{16}\.[\w-]{22})\.(0|[1-9]\d{0,14})(?:~([\w.~-]+))?$/;

/**
 * Writes a place as the opaque, URL-safe text that clients hand back.
 *
 * @throws {TidingsError} OPTION_INVALID when the place is none that {@link parseConnectionCursor} reads.
 */
export function formatConnectionCursor(place: ConnectionPlace): string {
  const { connection, sequence, positions } = place;
  const cursor = `${connection}.${sequence}${positions === undefined ? "" : `~${positions}`}`;
  if (cursor.length <= MAX_LENGTH && CURSOR.test(cursor)) return cursor;
  throw invalidOption("place", "a connection's id, a number, and URL-safe positions", cursor);
}

/** Reads the cursor of a connection; `undefined` when it is none. */
export function parseConnectionCursor(text: string): ConnectionPlace | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const [, connection, sequence, positions] = CURSOR.exec(text) ?? [];
  return connection === undefined
    ? undefined
    : { connection, sequence: Number(sequence), positions };
}

/**
 * The part of any cursor that says where a client is in the histories of its groups: what is behind the
 * connection's place, or all of it when it names no connection. `undefined` for none.
 */
export function positionsOf(cursor: string): string | undefined {
  const place = parseConnectionCursor(cursor);
  if (place) return place.positions;
  return cursor.length <= MAX_POSITIONS_LENGTH && POSITIONS.test(cursor) ? cursor : undefined;
}

/** The part of a connection's id that names the process where it lives; `undefined` for no such id. */
export function homeOf(connection: string): string | undefined {
  return CONNECTION_ID.exec(connection)?.[1];
}
