import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** Debian's own Python, which has Django; the `python3` on PATH may be another. */
const PYTHON = "/usr/bin/python3";

/** How a {@link DjangoSite} keeps its sessions; `settings` are further settings of Django. */
export interface DjangoSiteOptions {
  readonly engine: "db" | "cached_db" | "cache" | "signed_cookies";
  readonly cache?: "redis" | "database" | "file" | undefined;
  readonly redis?: string | undefined;
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
}

/** A Django site in a process of its own, with the users ada and grace. */
export class DjangoSite implements AsyncDisposable {
  readonly secretKey = "a key for tests of this project only";
  readonly folder: string;
  readonly #url: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, child: ChildProcess, port: number) {
    this.folder = folder;
    this.#process = child;
    this.#url = `http://127.0.0.1:${port}`;
  }

  static async start(options: DjangoSiteOptions): Promise<DjangoSite> {
    const folder = mkdtempSync(join(tmpdir(), "tidings-django-"));
    const script = fileURLToPath(new URL("django_site.py", import.meta.url));
    const child = spawn(PYTHON, [script, JSON.stringify({ ...options, folder })], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([once(lines, "line"), once(child, "exit")]);
    if (typeof line !== "string") throw new Error(`the site exited with ${line}`);
    const { port }: { readonly port: number } = JSON.parse(line);
    return new DjangoSite(folder, child, port);
  }

  /** Its database, an SQLite file. */
  get database(): string {
    return join(this.folder, "site.sqlite3");
  }

  /** Signs a user in, and returns the cookie that the browser sends from now on. */
  async signIn(name: "ada" | "grace"): Promise<string> {
    const response = await this.#post("sign-in", { name, password: `secret of ${name}` });
    const cookie = response.headers.getSetCookie().find((each) => each.startsWith("sessionid="));
    if (!cookie) throw new Error("expected a session cookie");
    return cookie.split(";")[0] ?? "";
  }

  /** Signs a user out, and returns what Django does to the cookie. */
  async signOut(cookie: string): Promise<string | null> {
    return (await this.#post("sign-out", {}, cookie)).headers.get("set-cookie");
  }

  /** Changes a user's password, or whether it is active. */
  async change(fields: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#post("change", fields);
  }

  /** Whom Django itself recognises by a cookie. */
  async who(cookie: string): Promise<string | null> {
    const response = await fetch(`${this.#url}/who`, { headers: { cookie } });
    const answer: { readonly name: string | null } = JSON.parse(await response.text());
    return answer.name;
  }

  async #post(path: string, body: object, cookie = ""): Promise<Response> {
    const response = await fetch(`${this.#url}/${path}`, {
      method: "POST",
      headers: { cookie },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
