/** What we read of an entry of package-lock.json. */
interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What we read of package-lock.json. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>;
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

/**
 * Finds the optional packages that a lock file does not name, with the entries that belong there.
 *
 * `npm install` leaves an optional package of another platform out when it cannot look it up, and
 * `npm ci` then refuses the whole file. The entry follows from its name and the version that its
 * parent asks for.
 */
export function missingEntries(lock: LockFile): Readonly<Record<string, LockEntry>> {
  return Object.fromEntries(
    Object.entries(lock.packages).flatMap(([parent, { optionalDependencies = {}, dev }]) =>
      Object.entries(optionalDependencies)
        .filter(
          ([name, version]) => isExact(version) && find(lock, parent, name)?.version !== version,
        )
        .map(([name, version]) => [placeFor(lock, parent, name), toEntry(name, version, dev)]),
    ),
  );
}

/** The entry that a package gets when it imports another one by name. */
function find({ packages }: LockFile, parent: string, name: string): LockEntry | undefined {
  for (let folder = parent; ; folder = folder.slice(0, folder.lastIndexOf("/node_modules/"))) {
    const entry = packages[`${folder}/node_modules/${name}`];
    if (entry) return entry;
    if (!folder.includes("/node_modules/")) return packages[`node_modules/${name}`];
  }
}

/** At the top, or below its parent when another version stands at the top. */
function placeFor({ packages }: LockFile, parent: string, name: string): string {
  const top = `node_modules/${name}`;
  return top in packages ? `${parent}/${top}` : top;
}

function isExact(version: string): boolean {
  return /^\d+\.\d+\.\d+/.test(version);
}

function toEntry(name: string, version: string, dev: boolean | undefined): LockEntry {
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
    ...(dev === true && { dev }),
    optional: true,
    ...(os.length > 0 && { os }),
  };
}
