/**
 * What crosses the wire: events and cursors, event streams, lines of JSON, frames, and headers.
 *
 * PROTOCOL.md describes it for those who write a client of their own. Everything runs in a browser
 * as well: no file here knows Node.js, a connection, or an application.
 *
 * @module
 */
export { chooseMediaType, MEDIA_TYPES, type MediaType } from "./accept.ts";
export { COMING_BACK, isFinalClose } from "./close-codes.ts";
export {
  formatConnectionCursor,
  homeOf,
  parseConnectionCursor,
  positionsOf,
  type ConnectionPlace,
} from "./connection-cursor.ts";
export {
  findMessageId,
  isClientEnvelope,
  isServerEnvelope,
  type ClientEnvelope,
  type MessageId,
  type MessageProblem,
  type ServerEnvelope,
} from "./consumer-frame.ts";
export { formatCursor, parseCursor, type Position } from "./cursor.ts";
export { isErrorBody, type ErrorBody } from "./error-body.ts";
export {
  isFeedEnd,
  isFeedEvent,
  isFeedReset,
  isPollAnswer,
  SIGN_OF_LIFE,
  SUBPROTOCOL,
  type FeedEvent,
  type PollAnswer,
} from "./event.ts";
export { RESET_REASONS, type Reset, type ResetReason } from "./reset.ts";
export { NdjsonParser, type NdjsonParserOptions } from "./ndjson-parser.ts";
export { formatNdjson } from "./ndjson.ts";
export { parseWait } from "./prefer.ts";
export { SseParser, type SseMessage, type SseParserOptions } from "./sse-parser.ts";
export { formatSseComment, formatSseEvent, type SseFields } from "./sse.ts";
export { frameHeaderLength, isCloseCode } from "./websocket-frame.ts";
export {
  formatGroupPositions,
  MAX_FOLLOWED_GROUPS,
  isConsumerCursor,
  parseGroupPositions,
} from "./group-positions.ts";
