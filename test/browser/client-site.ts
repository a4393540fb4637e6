import { rolldown, type RolldownBuild } from "rolldown";
import type * as client from "tidings/client";

declare global {
  /** The client, in a page. */
  var tidings: typeof client;
}

/** What a browser loads that uses these exports; files that are `left` are loaded when they are needed. */
export async function bundleClient(source: string, left: RegExp | null = null): Promise<string> {
  const build = await bundle(source, left);
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  return output[0].code;
}

/** The files of a browser that uses these exports which are loaded at the start, as a bundler makes them by itself. */
export async function loadedAtStart(source: string): Promise<readonly string[]> {
  const build = await bundle(source);
  const { output } = await build.generate({ format: "esm", minify: true });
  const chunks = new Map(
    output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file]] : [])),
  );
  const loaded = new Set([output[0].fileName]);
  // A set that grows is gone through to its end.
  for (const name of loaded) for (const each of chunks.get(name)?.imports ?? []) loaded.add(each);
  return Array.from(loaded, (name) => chunks.get(name)?.code ?? "");
}

function bundle(source: string, left: RegExp | null = null): Promise<RolldownBuild> {
  return rolldown({
    input: "entry",
    ...(left && { external: (id: string) => left.test(id) }),
    resolve: { conditionNames: ["tidings-source"] },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? `${import.meta.dirname}/entry.js` : undefined),
        load: (id) => (id.endsWith("/entry.js") ? source : undefined),
      },
    ],
  });
}

const PAGE = `<!doctype html><title>client</title><link rel="icon" href="data:,"><script type="module">
import * as client from "/client.js";
globalThis.heard = {};
globalThis.tidings = client;
</script>`;

/** The pages of a test: the client's script, and a page that loads it. */
export async function clientSite(): Promise<(request: Request) => Response> {
  const script = await bundleClient(
    `export { connect, connectFeeds, follow, followShared, followTask } from "tidings/client";`,
  );
  return (request) => {
    const isScript = new URL(request.url).pathname === "/client.js";
    return new Response(isScript ? script : PAGE, {
      headers: { "content-type": isScript ? "text/javascript" : "text/html" },
    });
  };
}
