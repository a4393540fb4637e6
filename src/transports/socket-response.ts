import { STATUS_CODES, validateHeaderName, validateHeaderValue } from "node:http";
import type { Duplex } from "node:stream";

import type { ConsumerResponse } from "./held/consumer-exchange.ts";
import { answerUpgrade } from "./refuse-upgrade.ts";

/**
 * A response that stays open, on a socket that Node's HTTP has let go of.
 *
 * It ends with its connection (RFC 9112 §6.3). What Node keeps for a response of its own, the parser,
 * the request, the queues of both, is given back when a stream begins: two thirds of its memory.
 */
export class SocketResponse implements ConsumerResponse {
  readonly #socket: Duplex;
  /** What has been said and not written: it goes out with the first bytes. */
  #head: Buffer | undefined;
  #isBegun = false;
  #headers: Record<string, string> | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("error", ignore); // a client that resets the connection would end the process
    socket.on("end", endItself);
    socket.resume();
  }

  get headersSent(): boolean {
    return this.#isBegun;
  }

  get destroyed(): boolean {
    return this.#socket.destroyed;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  get writableNeedDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Sends a response that is no stream, and ends. */
  async answer(response: Response): Promise<void> {
    this.#isBegun = true;
    const { status, body } = response;
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(this.#headers ?? {})) {
      if (!headers.has(name)) headers.set(name, value);
    }
    await answerUpgrade(this.#socket, new Response(body, { status, headers }));
  }

  /** Sets a header of the head, unless that has it itself. */
  setHeader(name: string, value: string): void {
    this.#headers = { ...this.#headers, [name]: value };
  }

  /** There are no headers but those that were set, and those of the head. */
  removeHeader(): void {}

  /** @throws {TypeError} for a header that HTTP cannot carry, line ends above all. */
  writeHead(status: number, headers: Readonly<Record<string, string>>): void {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    for (const [name, value] of Object.entries({ ...this.#headers, ...headers })) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      head += `${name}: ${value}\r\n`;
    }
    head += `date: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n`;
    this.#headers = undefined;
    this.#head = Buffer.from(head, "latin1");
    this.#isBegun = true;
  }

  write(data: Uint8Array | string, encoding: "latin1" | "utf8" = "utf8"): boolean {
    const head = this.#head;
    if (!head) {
      return typeof data === "string"
        ? this.#socket.write(data, encoding)
        : this.#socket.write(data);
    }
    this.#head = undefined;
    const first = typeof data === "string" ? Buffer.from(data, encoding) : data;
    return this.#socket.write(Buffer.concat([head, first]));
  }

  end(text = ""): void {
    if (this.#head || text !== "") this.write(text);
    // Nobody else would close the half that a client leaves open.
    this.#socket.once("finish", destroyItself);
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  once(event: "close" | "drain", listener: () => void): void {
    this.#socket.once(event, listener);
  }

  off(event: "close" | "drain", listener: () => void): void {
    this.#socket.off(event, listener);
  }
}

function ignore(): void {}

function endItself(this: Duplex): void {
  this.end();
}

function destroyItself(this: Duplex): void {
  this.destroy();
}
