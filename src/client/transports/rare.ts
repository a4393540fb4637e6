export { followLongPoll } from "./long-poll.ts";
export { followNdjson } from "./ndjson.ts";
export { followPoll } from "./poll.ts";
