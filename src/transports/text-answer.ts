import { isGone, type FeedResponse } from "./feed-exchange.ts";

/** What {@link TextAnswer} is made from. */
export interface TextAnswerOptions {
  readonly status?: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * An answer whose body is a text that is there already.
 *
 * Polls are many and small: the streams of a `Response` would cost more than all the rest of them.
 */
export class TextAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(body: string, { status = 200, headers }: TextAnswerOptions) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** An answer in JSON. */
  static json(body: string, headers: Readonly<Record<string, string>>): TextAnswer {
    return new TextAnswer(body, {
      headers: { ...headers, "content-type": "application/json" },
    });
  }

  /** An answer without a body. */
  static notModified(headers: Readonly<Record<string, string>>): TextAnswer {
    return new TextAnswer("", { status: 304, headers });
  }

  /** Sends it, unless nobody is there any more. */
  sendTo(response: FeedResponse): void {
    if (isGone(response)) return;
    const { body, headers, status } = this;
    const length = status === 304 ? {} : { "content-length": String(Buffer.byteLength(body)) };
    response.writeHead(status, { ...headers, ...length });
    response.end(body);
  }
}
