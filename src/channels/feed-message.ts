import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { FeedName, NamedFeed } from "./followed-feeds.ts";

/** Of a name, a URL and a cursor, in characters. */
const MAX_LENGTH = 2_048;

/** What a client says to follow a feed over a connection that it has. */
export const followMessage: StandardSchemaV1<NamedFeed> = schema<NamedFeed>(
  ({ feed, url, cursor }) => {
    if (!isFeedName(feed)) return NO_NAME;
    if (!isText(url)) return { message: `expected a text of 1 to ${MAX_LENGTH}`, path: ["url"] };
    if (cursor === undefined || isText(cursor)) return { feed, url, cursor };
    return { message: `expected a text of 1 to ${MAX_LENGTH}`, path: ["cursor"] };
  },
);

/** What a client says to leave a feed. */
export const leaveMessage: StandardSchemaV1<{ readonly feed: FeedName }> = schema<{
  readonly feed: FeedName;
}>(({ feed }) => (isFeedName(feed) ? { feed } : NO_NAME));

const NO_NAME = {
  message: `expected an integer, or a text of 1 to ${MAX_LENGTH} characters`,
  path: ["feed"],
};

function schema<TMessage extends object>(
  read: (fields: Readonly<Record<string, unknown>>) => TMessage | StandardSchemaV1.Issue,
): StandardSchemaV1<TMessage> {
  return {
    "~standard": {
      version: 1,
      vendor: "tidings",
      validate(message) {
        const found = read(isRecord(message) ? message : {});
        return "message" in found ? { issues: [found] } : { value: found };
      },
    },
  };
}

function isFeedName(value: unknown): value is FeedName {
  return typeof value === "number" ? Number.isSafeInteger(value) : isText(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= MAX_LENGTH;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
