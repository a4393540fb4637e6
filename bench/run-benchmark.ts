import { parseArgs } from "node:util";

import { report, type Figure } from "./figure.ts";

/** A program that measures one thing after another. */
export interface Benchmark<TSetting extends AsyncDisposable> {
  /** Its npm script. */
  readonly script: string;
  /** What is compared, for `--help`. */
  readonly about: string;
  readonly figures: Readonly<Record<string, (setting: TSetting) => Promise<readonly Figure[]>>>;
  /** Makes what measuring one thing begins with. */
  readonly open: (options: { readonly isQuick: boolean }) => TSetting;
}

/** Reads the command line, measures what it names, and reports it. */
export async function runBenchmark<TSetting extends AsyncDisposable>({
  script,
  about,
  figures,
  open,
}: Benchmark<TSetting>): Promise<void> {
  const names = Object.keys(figures);
  const usage = `Usage: npm run ${script} -- [--json] [--quick] [--only <figure>]...

${about}, in one interleaved run.
Figures: ${names.join(", ")}.
Prints a table, or with --json one object per figure. --quick runs 3 rounds.
Exits with 1 when a floor is missed.`;
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      only: { type: "string", multiple: true, default: names },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(usage);
  for (const name of values.only) {
    const measure = figures[name];
    if (!measure) throw new Error(`no figure \`${name}\`; ${usage}`);
    await using setting = open({ isQuick: values.quick });
    report(await measure(setting), values);
  }
}
