import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

import { TidingsError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";

const VERSION = 0x80;
const IV_BYTES = 16;
const MAC_BYTES = 32;
/** Version, seconds since 1970, IV. */
const HEADER_BYTES = 1 + 8 + IV_BYTES;
/** "If the recorded timestamp is [...] too far in the future", as the Python implementation has it. */
const MAX_CLOCK_SKEW_SECONDS = 60;

/** What a token is made with. */
export interface FernetOptions {
  /** Secrets of any length. The first one encrypts, each of them decrypts. */
  readonly keys: readonly (string | Uint8Array)[];
  /** How old a token may be; a token from the future is then refused too. Without it, any age. */
  readonly maxAgeMs?: number | undefined;
  /** The time in milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Makes the initialisation vector, for tests. @default randomBytes */
  readonly randomIv?: (() => Uint8Array) | undefined;
}

/**
 * Encrypts and signs with several keys, as channels_redis does with `symmetric_encryption_keys`.
 *
 * Each key is hashed with SHA-256 into the two halves of a Fernet key: AES-128-CBC, signed with
 * HMAC-SHA256, the whole in base64url.
 *
 * @see https://github.com/fernet/spec/blob/master/Spec.md
 */
export class Fernet {
  readonly #keys: readonly FernetKey[];
  readonly #first: FernetKey;
  readonly #maxAgeMs: number | undefined;
  readonly #now: () => number;
  readonly #randomIv: () => Uint8Array;

  constructor({
    keys,
    maxAgeMs,
    now = Date.now,
    randomIv = () => randomBytes(IV_BYTES),
  }: FernetOptions) {
    const [first, ...others] = keys.map(toFernetKey);
    if (!first) throw invalidOption("symmetricEncryptionKeys", "at least one key", keys);
    if (keys.some((key) => key.length === 0)) {
      // The others are secret: nothing of them is said.
      throw new TidingsError(
        "OPTION_INVALID",
        "expected `symmetricEncryptionKeys` to be secrets, none of them empty",
      );
    }
    this.#first = first;
    this.#keys = [first, ...others];
    this.#maxAgeMs = maxAgeMs;
    this.#now = now;
    this.#randomIv = randomIv;
  }

  /** Encrypts into a token of printable ASCII. */
  encrypt(plain: Uint8Array): Buffer {
    const iv = this.#randomIv();
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = VERSION;
    header.writeBigUInt64BE(BigInt(this.#nowSeconds()), 1);
    header.set(iv, 9);
    const cipher = createCipheriv("aes-128-cbc", this.#first.encryption, iv);
    const signed = Buffer.concat([header, cipher.update(plain), cipher.final()]);
    const token = Buffer.concat([signed, sign(this.#first, signed)]);
    return Buffer.from(toPaddedBase64Url(token), "latin1");
  }

  /**
   * Decrypts a token with whichever key made it.
   *
   * @throws {TidingsError} LAYER_INVALID_MESSAGE when no key fits, or the token is too old or too new.
   */
  decrypt(token: Uint8Array): Buffer {
    const bytes = Buffer.from(Buffer.from(token).toString("latin1"), "base64url");
    const bodyBytes = bytes.length - HEADER_BYTES - MAC_BYTES;
    if (bytes[0] !== VERSION || bodyBytes < 16 || bodyBytes % 16 !== 0) {
      throw refused("is not encrypted with any of our keys");
    }
    const signed = bytes.subarray(0, -MAC_BYTES);
    const mac = bytes.subarray(-MAC_BYTES);
    const key = this.#keys.find((candidate) => timingSafeEqual(sign(candidate, signed), mac));
    if (!key) throw refused("is not encrypted with any of our keys");
    this.#assertAge(Number(bytes.readBigUInt64BE(1)));
    const iv = bytes.subarray(9, HEADER_BYTES);
    const decipher = createDecipheriv("aes-128-cbc", key.encryption, iv);
    try {
      return Buffer.concat([decipher.update(signed.subarray(HEADER_BYTES)), decipher.final()]);
    } catch (error) {
      throw refused("has a wrong padding", error);
    }
  }

  #assertAge(seconds: number): void {
    if (this.#maxAgeMs === undefined) return;
    const now = this.#nowSeconds();
    if (seconds + Math.floor(this.#maxAgeMs / 1000) < now) throw refused("is too old");
    if (seconds > now + MAX_CLOCK_SKEW_SECONDS) throw refused("comes from the future");
  }

  #nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }
}

interface FernetKey {
  readonly signing: Buffer;
  readonly encryption: Buffer;
}

function toFernetKey(secret: string | Uint8Array): FernetKey {
  const hash = createHash("sha256").update(secret).digest();
  return { signing: hash.subarray(0, 16), encryption: hash.subarray(16) };
}

function sign({ signing }: FernetKey, signed: Uint8Array): Buffer {
  return createHmac("sha256", signing).update(signed).digest();
}

/** Python's decoder wants the padding that `base64url` leaves out. */
function toPaddedBase64Url(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

function refused(why: string, cause?: unknown): TidingsError {
  return new TidingsError("LAYER_INVALID_MESSAGE", `an encrypted message ${why}`, { cause });
}
