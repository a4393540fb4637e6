import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A server of a room, in a process of its own. */
export interface ConsumerHome extends AsyncDisposable {
  readonly url: string;
  /** As `kill -9` does. */
  kill(): void;
}

/** Starts one on a layer. */
export async function startConsumerHome(layer: string): Promise<ConsumerHome> {
  const main = fileURLToPath(new URL("consumer-home-main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=tidings-source", main, layer], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const [line] = await once(child.stdout, "data");
  return {
    url: `${String(line).trim()}/room`,
    kill: () => void child.kill("SIGKILL"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
