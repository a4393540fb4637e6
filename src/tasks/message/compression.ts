import {
  brotliCompressSync,
  brotliDecompressSync,
  deflateSync,
  unzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";

import { TidingsError } from "../../core/errors.ts";

/** How bodies can be compressed. What Celery calls gzip is zlib, by another name. */
export const COMPRESSIONS = ["zlib", "gzip", "brotli", "zstd"] as const;

/** One of {@link COMPRESSIONS}. */
export type Compression = (typeof COMPRESSIONS)[number];

interface Codec {
  /** As the header `compression` names it. */
  readonly header: string;
  readonly compress: (bytes: Uint8Array) => Uint8Array;
  readonly decompress: (bytes: Uint8Array, options: DecompressOptions) => Uint8Array;
}

interface DecompressOptions {
  readonly maxOutputLength: number;
}

const zlib: Codec = {
  // "writes header `application/x-gzip` but the bytes are a zlib stream": either is read.
  header: "application/x-gzip",
  compress: (bytes) => deflateSync(bytes),
  decompress: (bytes, options) => unzipSync(bytes, options),
};

const CODECS: Readonly<Record<Compression, Codec>> = {
  zlib,
  gzip: zlib,
  brotli: {
    header: "application/x-brotli",
    compress: (bytes) => brotliCompressSync(bytes),
    decompress: (bytes, options) => brotliDecompressSync(bytes, options),
  },
  zstd: {
    header: "application/zstd",
    compress: (bytes) => zstdCompressSync(bytes),
    decompress: (bytes, options) => zstdDecompressSync(bytes, options),
  },
};

const BY_NAME: ReadonlyMap<unknown, Codec> = new Map([
  ...Object.entries(CODECS),
  ...Object.values(CODECS).map((codec): [string, Codec] => [codec.header, codec]),
]);

/** What `compress` returns. */
export interface CompressedBody {
  readonly bytes: Uint8Array;
  /** The value of the header `compression`. */
  readonly header: string;
}

/** Compresses a body. */
export function compress(bytes: Uint8Array, compression: Compression): CompressedBody {
  const codec = CODECS[compression];
  return { bytes: codec.compress(bytes), header: codec.header };
}

/**
 * Decompresses a body as its header says, to at most `maxBytes`.
 *
 * @throws {TidingsError} MESSAGE_NOT_ACCEPTED for a compression that Node does not have.
 * @throws {TidingsError} MESSAGE_TOO_LARGE when it grows beyond `maxBytes`.
 * @throws {TidingsError} MESSAGE_INVALID when it is not compressed so.
 */
export function decompress(bytes: Uint8Array, header: unknown, maxBytes: number): Uint8Array {
  const codec = BY_NAME.get(header);
  if (!codec) {
    const got = typeof header === "string" ? JSON.stringify(header.slice(0, 64)) : typeof header;
    throw new TidingsError(
      "MESSAGE_NOT_ACCEPTED",
      `expected the compression of a task message to be zlib, gzip, brotli or zstd, got ${got}`,
    );
  }
  try {
    return codec.decompress(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    throw toMessageError(error, codec.header, maxBytes);
  }
}

function toMessageError(error: unknown, header: string, maxBytes: number): TidingsError {
  if (Error.isError(error) && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
    const message = `expected the body of a task message to be at most ${maxBytes} bytes when decompressed`;
    return new TidingsError("MESSAGE_TOO_LARGE", message, { cause: error });
  }
  const message = `expected the body of a task message to be compressed as ${header}`;
  return new TidingsError("MESSAGE_INVALID", message, { cause: error });
}
