import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";

import { runCommand } from "./step.ts";

/** A program or a Python module of the operating system that the tests use. */
interface Requirement {
  /** A file in a folder of `PATH`; or, with a slash, the path of a file or folder. */
  readonly program: string;
  readonly debianPackage: string;
  readonly neededFor: string;
}

const REQUIREMENTS: readonly Requirement[] = [
  { program: "chromium", debianPackage: "chromium", neededFor: "the browser tests" },
  { program: "openssl", debianPackage: "openssl", neededFor: "the tests of TLS" },
  { program: "redis-server", debianPackage: "redis-server", neededFor: "the Redis tests" },
  { program: "rabbitmq-server", debianPackage: "rabbitmq-server", neededFor: "the RabbitMQ tests" },
  {
    program: "/usr/lib/postgresql",
    debianPackage: "postgresql",
    neededFor: "the PostgreSQL tests",
  },
  {
    program: "/usr/sbin/nginx",
    debianPackage: "nginx-light",
    neededFor: "the tests behind a proxy",
  },
  { program: "daphne", debianPackage: "daphne", neededFor: "the tests with Python" },
  pythonModule("django", "python3-django"),
  pythonModule("channels", "python3-django-channels"),
  pythonModule("channels_redis", "python3-channels-redis"),
  pythonModule("celery", "python3-celery"),
  pythonModule("redis", "python3-redis"),
];

/** A module of the system's own Python, which is not always the one on `PATH`. */
function pythonModule(name: string, debianPackage: string): Requirement {
  const program = `/usr/lib/python3/dist-packages/${name}`;
  return { program, debianPackage, neededFor: "the tests with Python" };
}

const HELP = `Usage: node scripts/provision.ts [--check]

Makes sure that the programs which the tests start are on this machine:
${REQUIREMENTS.map(({ program, neededFor }) => `  ${program.padEnd(12)} for ${neededFor}`).join("\n")}

On Debian and its relatives, as root, what is missing is installed with apt-get.
Elsewhere the command says what to install, and exits with 1.

  --check   never install, only say what is missing
  --help    show this text`;

/**
 * Installs what the tests need from the operating system, if it is missing and we may.
 *
 * Exits the process with 1, saying exactly what to install, when something is missing in the end.
 */
export async function provision({ install = true }: ProvisionOptions = {}): Promise<void> {
  const missing = REQUIREMENTS.filter(({ program }) => !isOnPath(program));
  if (missing.length === 0) return;
  for (const { program, neededFor } of missing) {
    console.log(`Missing: ${program}, for ${neededFor}.`);
  }
  const packages = missing.map(({ debianPackage }) => debianPackage);
  if (install && isDebian() && process.getuid?.() === 0) await installPackages(packages);
  const stillMissing = missing.filter(({ program }) => !isOnPath(program));
  if (stillMissing.length === 0) return;
  console.error(
    isDebian()
      ? `Install it and start again: sudo apt-get install --no-install-recommends ${packages.join(" ")}`
      : `Install it with your system's package manager so that it is on PATH, and start again: ${stillMissing.map(({ program }) => program).join(", ")}`,
  );
  process.exit(1);
}

interface ProvisionOptions {
  readonly install?: boolean | undefined;
}

async function installPackages(packages: readonly string[]): Promise<void> {
  console.log(`Installing with apt-get: ${packages.join(" ")}`);
  process.env["DEBIAN_FRONTEND"] = "noninteractive";
  await runCommand("apt-get", ["update", "-qq"]);
  await runCommand("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages]);
}

function isOnPath(program: string): boolean {
  if (program.includes("/")) return existsSync(program);
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.some((folder) => folder !== "" && existsSync(join(folder, program)));
}

function isDebian(): boolean {
  return existsSync("/etc/debian_version");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { check: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help === true) console.log(HELP);
  else await provision({ install: values.check !== true });
}
