import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate for 127.0.0.1 that nobody but its holder trusts, made by openssl. */
export class Certificate implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "tidings-certificate-"));
  readonly certFile = join(this.#folder, "cert.pem");
  readonly keyFile = join(this.#folder, "key.pem");
  readonly pem: string;

  constructor() {
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const files = ["-keyout", this.keyFile, "-out", this.certFile];
    execFileSync("openssl", ["req", "-x509", "-days", "2", ...key, ...subject, ...files], {
      stdio: "ignore",
    });
    this.pem = readFileSync(this.certFile, "utf8");
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
