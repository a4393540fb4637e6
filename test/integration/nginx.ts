import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../free-port.ts";

/** A real nginx, which hands requests to several servers in turn, and knows nothing of sessions. */
export class Nginx implements AsyncDisposable {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, folder: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    const args = ["-p", folder, "-c", "nginx.conf", "-e", "error.log"];
    this.#process = spawn("/usr/sbin/nginx", args, { stdio: ["ignore", "ignore", "inherit"] });
  }

  /** Starts one in front of these addresses, which it goes on asking; buffering is on, as it is without a word about it. */
  static async start(urls: readonly string[], directives = ""): Promise<Nginx> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "tidings-nginx-"));
    const servers = urls.map((url) => `server ${new URL(url).host} max_fails=0;`).join(" ");
    writeFileSync(join(folder, "nginx.conf"), toConfiguration({ port, servers, directives }));
    const nginx = new Nginx(port, folder);
    await nginx.#untilListening(port);
    return nginx;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    // "Fast shutdown" (SIGQUIT would wait for open connections).
    if (this.#process.exitCode === null && this.#process.kill("SIGTERM")) await exited;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilListening(port: number): Promise<void> {
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error("nginx has ended");
      const socket = connect(port, "127.0.0.1");
      const [error] = await Promise.race([
        once(socket, "connect"),
        once(socket, "close").then(() => [new Error("refused")]),
      ]).catch((thrown: unknown) => [thrown]);
      socket.destroy();
      if (!error) return;
    }
  }
}

interface Configuration {
  readonly port: number;
  readonly servers: string;
  readonly directives: string;
}

function toConfiguration({ port, servers, directives }: Configuration): string {
  return `
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream application { ${servers} }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://application;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      ${directives}
    }
  }
}
`;
}
