import type { ConsumerDefinition, Refusal, RouteContext, RouteMatch } from "../channels/index.ts";
import { isConsumerCursor, positionsOf, type ConnectionPlace } from "../protocol/index.ts";
import {
  Reading,
  type HeldConnection,
  type LossReason,
  type ReadAnswer,
} from "../transports/index.ts";
import { inTime } from "./in-time.ts";
import type { ServerContext } from "./server-context.ts";
import { toVisitor } from "./visitor.ts";

/** A consumer that a request leads to, let through by its middleware. */
export interface AcceptedConsumer {
  readonly match: RouteMatch;
  readonly context: RouteContext;
  readonly definition: ConsumerDefinition;
}

/** A connection that is being read, and what was found first. */
export interface ReadConnection {
  readonly kind: "read";
  readonly reading: Reading;
  readonly first: ReadAnswer;
  /** Headers of the consumer's own, when it has just begun. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Goes on with a connection, wherever it lives; that of another user is as good as gone. */
export async function resumeConnection(
  server: ServerContext,
  { match, context, definition }: AcceptedConsumer,
  place: ConnectionPlace,
): Promise<ReadConnection | { readonly kind: "lost"; readonly reason: LossReason }> {
  const layer = server.application.app.getLayer(definition.layer);
  const link = server.held.find(place.connection, layer, toVisitor(match, context));
  if (typeof link === "string") return { kind: "lost", reason: "connection-gone" };
  const reading = new Reading({ link, place });
  const first = await reading.next(0);
  if (first.kind === "lost") return first;
  if (first.kind === "forbidden") return { kind: "lost", reason: "connection-gone" };
  return { kind: "read", reading, first, headers: {} };
}

/** How a connection begins. */
export interface BeginOptions {
  /** It has the seat until it is over. */
  readonly seat: Disposable;
  /** The cursor that the client has, if any: it may well say more than the connection that is gone. */
  readonly cursor: string | undefined;
  /** Why another connection could not be gone on with, if the client has named one. */
  readonly reset: LossReason | undefined;
}

/**
 * Begins a connection that outlives its requests, here; settles when the consumer has answered.
 *
 * @throws {TidingsError} REQUEST_TIMED_OUT when it has not in time.
 */
export async function beginConnection(
  server: ServerContext,
  accepted: AcceptedConsumer,
  { seat, cursor = "", reset }: BeginOptions,
): Promise<ReadConnection | { readonly kind: "refused"; readonly refusal: Refusal }> {
  const connection = await open(server, accepted, seat);
  const { handshakeTimeoutMs } = server.limits;
  const opening = await inTime(connection.opening, handshakeTimeoutMs).catch((thrown: unknown) => {
    connection.abandon();
    throw thrown;
  });
  if (opening.kind === "refused") return opening;
  const place = { connection: connection.id, sequence: 0, positions: positionsOf(cursor) };
  // Nobody can say what a client has missed whose cursor is none of ours.
  const reason = isConsumerCursor(cursor) ? reset : "connection-gone";
  const recovered = connection.isRecovered ? { recovered: true as const } : {};
  const reading = new Reading({
    link: connection,
    place,
    reset: reason && { reason, ...recovered },
  });
  return { kind: "read", reading, first: await reading.next(0), headers: opening.headers };
}

async function open(
  { application, dispatches, followFeed, held, live, logger, sessions }: ServerContext,
  { match, context, definition }: AcceptedConsumer,
  seat: Disposable,
): Promise<HeldConnection> {
  const dispatch = dispatches.get(definition);
  if (!dispatch) throw new Error(`no dispatch for ${definition.path.path}`);
  const layer = application.app.getLayer(definition.layer);
  const getRecorded = () => application.app.getRecordedGroups(definition.layer);
  let leave: (() => void) | undefined;
  try {
    return await held.open({
      visitor: toVisitor(match, context),
      session: { definition, dispatch, context, layer, getRecorded, followFeed, logger },
      onBegin(session) {
        sessions.add(session);
        leave = live.add(match, context, session);
      },
      onSessionOver(session) {
        leave?.();
        sessions.delete(session);
        seat[Symbol.dispose]();
      },
    });
  } catch (thrown) {
    seat[Symbol.dispose]();
    throw thrown;
  }
}
