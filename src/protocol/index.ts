export { chooseMediaType, type MediaType } from "./accept.ts";
export { formatCursor, parseCursor, type Position } from "./cursor.ts";
export { SUBPROTOCOL, type FeedEvent } from "./event.ts";
export { formatNdjson } from "./ndjson.ts";
export { parseWait } from "./prefer.ts";
export { formatSseComment, formatSseEvent } from "./sse.ts";
export { frameText } from "./websocket-frame.ts";
