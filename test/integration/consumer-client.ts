import { openStream, type OpenStream } from "./stream.ts";

/** The fields of an event of an event stream. */
export type EventFields = Readonly<Record<string, string>>;

/** What a consumer answers to a poll. */
export interface ConsumerPage {
  readonly connection: string;
  readonly cursor: string;
  readonly events: readonly { readonly cursor: string; readonly data: unknown }[];
  readonly reset?: { readonly reason: string };
  readonly close?: { readonly code: number; readonly reason: string };
}

/** What an event stream says first. */
interface Hello {
  readonly connection: string;
  readonly reset?: { readonly reason: string };
}

/** A consumer's connection over server-sent events, as a client by hand would read it. */
export class ConsumerEvents implements AsyncDisposable {
  readonly connection: string;
  /** Why the connection that was asked for could not be gone on with, if it could not. */
  readonly reset: string | undefined;
  readonly #stream: OpenStream;
  cursor: string;

  private constructor(stream: OpenStream, { id = "", data = "" }: EventFields) {
    const { connection, reset }: Hello = JSON.parse(data);
    this.#stream = stream;
    this.cursor = id;
    this.connection = connection;
    this.reset = reset?.reason;
  }

  static async open(
    url: string,
    cursor?: string,
    headers: Record<string, string> = {},
  ): Promise<ConsumerEvents> {
    const resumed = cursor === undefined ? {} : { "last-event-id": cursor };
    const stream = await openStream(url, { accept: "text/event-stream", ...resumed, ...headers });
    const first = await nextFields(stream);
    if (first["event"] !== "connection") throw new Error(`no hello: ${JSON.stringify(first)}`);
    return new ConsumerEvents(stream, first);
  }

  get response(): Response {
    return this.#stream.response;
  }

  /** The fields of the next event. */
  async nextFields(): Promise<EventFields> {
    const fields = await nextFields(this.#stream);
    if (fields["id"] !== undefined) this.cursor = fields["id"];
    return fields;
  }

  /** The data of the next event. */
  async next(): Promise<unknown> {
    return JSON.parse((await this.nextFields())["data"] ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** Asks once; `prefer` makes it a long poll. */
export async function pollConsumer(
  url: string,
  cursor?: string,
  headers: Record<string, string> = {},
): Promise<ConsumerPage> {
  const response = await fetch(cursor === undefined ? url : `${url}?cursor=${cursor}`, {
    headers: { accept: "application/json", ...headers },
  });
  if (response.status !== 200) throw new Error(`answered with ${response.status}`);
  const page: ConsumerPage = JSON.parse(await response.text());
  return page;
}

/** Posts an envelope, or a list of them; the URL names the connection. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

async function nextFields(stream: OpenStream): Promise<EventFields> {
  for (;;) {
    const lines = (await stream.until("\n\n")).trim().split("\n");
    const fields = lines.filter((line) => !line.startsWith(":"));
    if (fields.length > 0) return Object.fromEntries(fields.map(toField));
  }
}

function toField(line: string): readonly [string, string] {
  const [name = "", ...value] = line.split(":");
  return [name, value.join(":").trimStart()];
}
