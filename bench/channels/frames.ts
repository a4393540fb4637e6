const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const LENGTH_16 = 126;
/** Masking with nothing is masking, too: a server has to undo it all the same. */
const MASK_BYTES = 4;

/** Frames a short text as a client sends it. */
export function toClientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length > 0xffff) throw new Error("expected a short text");
  const isShort = payload.length < LENGTH_16;
  const head = Buffer.alloc((isShort ? 2 : 4) + MASK_BYTES);
  head[0] = TEXT_FRAME;
  head[1] = MASKED | (isShort ? payload.length : LENGTH_16);
  if (!isShort) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** One text of a server, and how many bytes its frame had. */
export interface ServerFrame {
  readonly text: string;
  readonly bytes: number;
}

/** Finds the frames in what a server sends, however it is cut into pieces. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<ServerFrame> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const [opcode, length] = this.#rest;
      if (opcode === undefined || length === undefined) return;
      if (opcode !== TEXT_FRAME || length > LENGTH_16) {
        throw new Error(`expected a text of up to 64 KiB, got opcode ${opcode}, length ${length}`);
      }
      const headBytes = length < LENGTH_16 ? 2 : 4;
      if (this.#rest.length < headBytes) return;
      const bytes = headBytes + (length < LENGTH_16 ? length : this.#rest.readUInt16BE(2));
      if (this.#rest.length < bytes) return;
      yield { text: this.#rest.toString("utf8", headBytes, bytes), bytes };
      this.#rest = this.#rest.subarray(bytes);
    }
  }
}
