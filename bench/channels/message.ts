/** About the size of a chat message. */
export const TEXT = "x".repeat(100);

/** The number of a round's first message: every number has as many digits, so every frame is as long. */
export const FIRST = 10_000;
/** More messages than this in one round would need another digit. */
export const MAX_MESSAGES = 90_000;
/** Once in each message to a listener, and nowhere else in what a server sends. */
export const MARK = "@";
