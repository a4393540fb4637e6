import { NdjsonParser } from "../../protocol/index.ts";
import { Interruption } from "../interruption.ts";
import type { Closing } from "../status.ts";
import { openStream } from "./open-stream.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/** Hears a feed or a consumer as lines of JSON in a response that stays open. */
export async function* followNdjson(request: TransportRequest): AsyncGenerator<unknown, Closing> {
  const chunks = await openStream(request, "application/x-ndjson");
  if (!chunks) return ENDED;
  const parser = new NdjsonParser();
  for await (const chunk of chunks) yield* parser.push(chunk);
  throw new Interruption("the stream broke off");
}
