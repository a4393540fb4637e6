import {
  assertFunctions,
  assertKnownOptions,
  assertPositiveInteger,
  assertTexts,
  invalidOption,
  optionNames,
} from "../core/options.ts";
import type { ChannelLayer } from "../layers/index.ts";
import type { ChannelInbox } from "./channel-inbox.ts";
import { compilePath, type CompiledPath, type Params, type PathParams } from "./path.ts";
import type { User } from "./user.ts";

/** What an HTTP consumer is told beside the request. */
export interface HttpContext<TParams = Params> {
  readonly params: TParams;
  /** Who asks, or `null`. */
  readonly user: User | null;
  /** The client's IP address. */
  readonly address: string;
  /** The layer that the consumer names. */
  readonly layer: ChannelLayer;
  /** Opens a channel, to answer with what a group says: `await using inbox = await openInbox()`. */
  openInbox(): Promise<ChannelInbox>;
}

/** What an HTTP consumer is made of. */
export interface HttpConsumerOptions<TPath extends string> {
  /** Where it is, with `:parameters`. */
  readonly path: TPath;
  /** The name of its layer. @default "default" */
  readonly layer?: string | undefined;
  /** Other methods are answered with 405. @default ["GET", "HEAD", "POST"] */
  readonly methods?: readonly string[] | undefined;
  /** The largest body it takes; a larger one is answered with 413. @default that of the server */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Answers a request. Both bodies are streams: the request's is read as fast as the handler takes it,
   * the response's as fast as the client does. `request.signal` fires when the client is gone.
   */
  handle(request: Request, context: HttpContext<PathParams<TPath>>): Response | Promise<Response>;
}

/** An HTTP consumer, ready to be routed to. */
export interface HttpConsumerDefinition {
  readonly kind: "http";
  readonly path: CompiledPath;
  readonly layer: string;
  readonly methods: readonly string[];
  readonly maxBodyBytes: number | undefined;
  handle(request: Request, context: HttpContext): Response | Promise<Response>;
}

const NAMES = optionNames<HttpConsumerOptions<string>>({
  path: true,
  layer: true,
  methods: true,
  maxBodyBytes: true,
  handle: true,
});

/**
 * Defines an HTTP consumer: one request, one response, with the middleware and the layer of consumers.
 *
 * @throws {TidingsError} ROUTE_INVALID for a bad path, OPTION_INVALID for a bad bound, or an option that nobody knows.
 */
export function httpConsumer<const TPath extends string>(
  options: HttpConsumerOptions<TPath>,
): HttpConsumerDefinition {
  const path = compilePath(options.path);
  assertKnownOptions(`HTTP consumer \`${options.path}\``, options, NAMES);
  assertFunctions(`HTTP consumer \`${options.path}\``, options, ["handle"]);
  if (!options.handle) throw invalidOption("handle", "a function", undefined);
  if (options.methods !== undefined) assertTexts("methods", options.methods);
  const { maxBodyBytes } = options;
  return {
    kind: "http",
    path,
    layer: options.layer ?? "default",
    methods: options.methods ?? ["GET", "HEAD", "POST"],
    maxBodyBytes:
      maxBodyBytes === undefined ? undefined : assertPositiveInteger("maxBodyBytes", maxBodyBytes),
    handle: (request, context) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path names the params
      options.handle(request, context as unknown as HttpContext<PathParams<TPath>>),
  };
}
