import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";

/** A request of Node, of HTTP/1.1 or HTTP/2. */
export type NodeMessage = IncomingMessage | Http2ServerRequest;
