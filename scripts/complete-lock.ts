import { readFileSync, writeFileSync } from "node:fs";

// `npm install` leaves an optional package of another platform out of the lock file when it cannot look
// it up, and `npm ci` then refuses the whole file. Its entry follows from its name and the version that
// its parent asks for, so this writes it. Run it after a change of dependencies.

/** What we read and write of an entry of package-lock.json. */
interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface LockFile {
  packages: Readonly<Record<string, LockEntry>>;
}

const SYSTEMS = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = [
  "arm64",
  "arm",
  "ia32",
  "loong64",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- npm has written it
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as LockFile;
const missing = Object.entries(lock.packages).flatMap(
  ([parent, { optionalDependencies = {}, dev }]) =>
    Object.entries(optionalDependencies)
      .filter(([name, version]) => isExact(version) && find(parent, name)?.version !== version)
      .map(([name, version]) => [placeFor(parent, name), toEntry(name, version, dev)] as const),
);
lock.packages = Object.fromEntries(
  [...Object.entries(lock.packages), ...missing].toSorted(([left], [right]) =>
    left.localeCompare(right, "en"),
  ),
);
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${missing.length} entries added`);

/** The entry that a package gets when it imports another one by name. */
function find(parent: string, name: string): LockEntry | undefined {
  for (let folder = parent; ; folder = folder.slice(0, folder.lastIndexOf("/node_modules/"))) {
    const entry = lock.packages[`${folder}/node_modules/${name}`];
    if (entry) return entry;
    if (!folder.includes("/node_modules/")) return lock.packages[`node_modules/${name}`];
  }
}

/** At the top, or below its parent when another version stands at the top. */
function placeFor(parent: string, name: string): string {
  const top = `node_modules/${name}`;
  return top in lock.packages ? `${parent}/${top}` : top;
}

function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+/.test(version);
}

function toEntry(name: string, version: string, dev: boolean | undefined): object {
  if (!/^\d+\.\d+\.\d+/.test(version)) {
    throw new Error(
      `${name}@${version} has no exact version; run npm install where it can be found`,
    );
  }
  const words = name.split(/[/-]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length + cpu.length === 0) throw new Error(`${name} names no platform`);
  return {
    version,
    ...(cpu.length > 0 && { cpu }),
    ...(dev && { dev }),
    optional: true,
    ...(os.length > 0 && { os }),
  };
}
