/** What a frame asks for, or answers. The number on the wire is the place in this list. */
export const FRAME_KINDS = [
  "open",
  "ping",
  "group",
  "send",
  "receive",
  "cancel",
  "listen",
  "unlisten",
  "join",
  "leave",
  "flush",
  "close",
  "reply",
  "dropped",
  "gap",
] as const;

/** One of {@link FRAME_KINDS}. */
export type FrameKind = (typeof FRAME_KINDS)[number];

/** What a frame says. */
export interface FrameContent {
  readonly kind: FrameKind;
  /** The number of the layer; processes have the same number for the same layer. */
  readonly layer: number;
  /** Binds a reply to what it answers; 0 asks for none. */
  readonly id?: number | undefined;
  /** A channel or group; of a reply, how it went. */
  readonly name?: string | undefined;
  readonly payload?: Uint8Array | undefined;
}

/** A frame that has been read. Its bytes are a view of what came, for whoever passes it on. */
export interface Frame extends Required<FrameContent> {
  readonly id: number;
  readonly name: string;
  readonly payload: Uint8Array;
  readonly bytes: Uint8Array;
}

/** size (4), kind (1), length of the name (1), layer (4), id (4); then the name and the payload. */
const HEADER_BYTES = 14;
const NOTHING = new Uint8Array(0);

/** Writes a frame. Names are ASCII, and shorter than 100 characters. */
export function encodeFrame({ kind, layer, id = 0, name = "", payload }: FrameContent): Buffer {
  const size = HEADER_BYTES + name.length + (payload?.length ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeUInt32LE(size, 0);
  bytes[4] = FRAME_KINDS.indexOf(kind);
  bytes[5] = name.length;
  bytes.writeUInt32LE(layer, 6);
  bytes.writeUInt32LE(id, 10);
  bytes.write(name, HEADER_BYTES, "latin1");
  if (payload) bytes.set(payload, HEADER_BYTES + name.length);
  return bytes;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #parts: Buffer[] = [];
  #size = 0;
  #needed = HEADER_BYTES;

  /**
   * Returns the frames that are complete with this chunk.
   *
   * @throws {TypeError} when the stream holds something else; there is no way back into step.
   */
  read(chunk: Buffer): readonly Frame[] {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return []; // a large frame is joined once, not with each chunk
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    const frames: Frame[] = [];
    let offset = 0;
    this.#needed = HEADER_BYTES;
    while (bytes.length - offset >= HEADER_BYTES) {
      const header = readHeader(bytes, offset);
      if (bytes.length - offset < header.size) {
        this.#needed = header.size;
        break;
      }
      frames.push(decodeFrame(header, bytes.subarray(offset, offset + header.size)));
      offset += header.size;
    }
    const rest = bytes.subarray(offset);
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    return frames;
  }
}

interface Header {
  readonly size: number;
  readonly kind: FrameKind;
  readonly nameEnd: number;
}

function readHeader(bytes: Buffer, offset: number): Header {
  const size = bytes.readUInt32LE(offset);
  const kind = FRAME_KINDS[bytes.readUInt8(offset + 4)];
  const nameEnd = HEADER_BYTES + bytes.readUInt8(offset + 5);
  if (kind && size >= nameEnd) return { size, kind, nameEnd };
  throw new TypeError(`expected a frame, got ${bytes.toString("hex", offset, offset + 6)}`);
}

function decodeFrame({ kind, nameEnd }: Header, bytes: Buffer): Frame {
  return {
    kind,
    layer: bytes.readUInt32LE(6),
    id: bytes.readUInt32LE(10),
    name: bytes.toString("latin1", HEADER_BYTES, nameEnd),
    payload: nameEnd < bytes.length ? bytes.subarray(nameEnd) : NOTHING,
    bytes,
  };
}
