import type { TlsOptions as NodeTlsOptions } from "node:tls";

/** What a server shows of itself, and how it is encrypted. Node's options of TLS all hold. */
export interface TlsOptions extends NodeTlsOptions {
  /** The certificate with its chain, as PEM. */
  readonly cert: string | Buffer;
  /** Its private key, as PEM. */
  readonly key: string | Buffer;
}
