import type { LayerMessage, LayerValue } from "../../layers/index.ts";
import type { ConnectionLink, ReadRequest, Visitor } from "./connection-link.ts";
import { packReadAnswer, type Question } from "./relay-message.ts";

/** Finds a connection of this process. */
export type FindHere = (id: string, visitor: Visitor) => ConnectionLink | "lost" | "forbidden";

/** Answers what another process asks about a connection that lives here. */
export async function answerQuestion(
  { ask, fields }: Question,
  signal: AbortSignal,
  find: FindHere,
): Promise<Readonly<Record<string, unknown>>> {
  const visitor = readVisitor(fields["visitor"]);
  const { id } = fields;
  const connection = visitor && typeof id === "string" ? find(id, visitor) : "lost";
  if (typeof connection === "string") return { kind: connection };
  switch (ask) {
    case "read": {
      const request = readRequest(fields["request"]);
      return request
        ? packReadAnswer(await connection.read({ ...request, signal }))
        : { kind: "lost" };
    }
    case "post":
      return {
        ...(await connection.post(readBody(fields), { isPaced: fields["isPaced"] === true })),
      };
    case "end":
      return { kind: await connection.end() };
    default:
      return { kind: "lost" };
  }
}

function readBody({ body }: LayerMessage): string {
  return typeof body === "string" ? body : "";
}

function readVisitor(value: LayerValue | undefined): Visitor | undefined {
  if (!isFields(value)) return undefined;
  const { place, user = null, validUntil } = value;
  if (typeof place !== "string" || (user !== null && typeof user !== "string")) return undefined;
  return { place, user, validUntil: typeof validUntil === "number" ? validUntil : undefined };
}

function readRequest(value: LayerValue | undefined): ReadRequest | undefined {
  if (!isFields(value)) return undefined;
  const { reader, isFirst, after, isAcknowledged, waitMs } = value;
  if (typeof reader !== "string" || typeof after !== "number" || typeof waitMs !== "number") {
    return undefined;
  }
  return {
    reader,
    isFirst: isFirst === true,
    after,
    isAcknowledged: isAcknowledged === true,
    waitMs,
  };
}

function isFields(value: LayerValue | undefined): value is { readonly [key: string]: LayerValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
