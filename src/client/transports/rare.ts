/**
 * The transports that few pages need.
 *
 * One file for the three: bundlers put what is shared between files that are loaded at different times
 * into files of its own, and each of them is a request more at the start.
 */
export { followLongPoll } from "./long-poll.ts";
export { followNdjson } from "./ndjson.ts";
export { followPoll } from "./poll.ts";
