import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

import { rolldown } from "rolldown";

const here = import.meta.dirname;

/** What the browser loads beside the pages: made in memory, under names that change with the content. */
export interface Assets {
  /** The URL of a client script (`board`) or of the style sheet (`styles`). */
  url(name: string): string;
  /** The answer to a request for one of those URLs. */
  respond(fileName: string): Response | undefined;
}

let assets: Promise<Assets> | undefined;

/** Returns the assets, made once, when the first page is asked for. */
export function loadAssets(): Promise<Assets> {
  return (assets ??= makeAssets());
}

interface Asset {
  readonly body: string;
  readonly type: string;
}

async function makeAssets(): Promise<Assets> {
  const files = new Map<string, Asset>();
  const urls = new Map<string, string>();
  const styles = await joinStyles();
  const stylesName = `styles-${createHash("sha256").update(styles).digest("base64url").slice(0, 8)}.css`;
  files.set(stylesName, { body: styles, type: "text/css; charset=utf-8" });
  urls.set("styles", `/assets/${stylesName}`);
  for (const chunk of await bundleScripts()) {
    if (chunk.type !== "chunk") continue;
    files.set(chunk.fileName, { body: chunk.code, type: "text/javascript; charset=utf-8" });
    if (chunk.isEntry) urls.set(chunk.name, `/assets/${chunk.fileName}`);
  }
  return {
    url(name) {
      const url = urls.get(name);
      if (url === undefined) throw new Error(`there is no asset \`${name}\``);
      return url;
    },
    respond(fileName) {
      const file = files.get(fileName);
      return (
        file &&
        new Response(file.body, {
          headers: {
            "content-type": file.type,
            "cache-control": "public, max-age=31536000, immutable",
          },
        })
      );
    },
  };
}

async function joinStyles(): Promise<string> {
  const folder = join(here, "styles");
  const names = (await readdir(folder)).toSorted();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")))).join("\n");
}

async function bundleScripts(): Promise<Awaited<ReturnType<typeof generate>>> {
  const folder = join(here, "client", "pages");
  const names = await readdir(folder);
  return generate(names.map((name) => [basename(name).replace(/\.tsx?$/, ""), join(folder, name)]));
}

async function generate(entries: readonly (readonly [string, string])[]) {
  const bundle = await rolldown({
    input: Object.fromEntries(entries),
    platform: "browser",
    tsconfig: false,
    resolve: { conditionNames: ["tidings-source", "import", "default"] },
    transform: { jsx: { runtime: "automatic", importSource: "hono/jsx/dom" }, target: "es2022" },
    onLog(_level, log) {
      // A warning here is a server's module on its way into the browser, or a missing one.
      throw new Error(`client scripts: ${log.message}`);
    },
  });
  try {
    const { output } = await bundle.generate({
      format: "es",
      minify: true,
      entryFileNames: "[name]-[hash].js",
      chunkFileNames: "[name]-[hash].js",
    });
    return output;
  } finally {
    await bundle.close();
  }
}
