import { hostname } from "node:os";

/**
 * Returns the name of a worker, `name@host`, from what was given for it in Celery's way.
 *
 * `%h` is the whole host name, `%n` its first part, `%d` the domain behind it, `%i` the number of the
 * process, which is 0, and `%%` a percent sign. Text without `@` stands for the host.
 */
export function toNodeName(pattern: string, host: string = hostname()): string {
  const [first = "", ...domain] = host.split(".");
  const values: Readonly<Record<string, string>> = {
    h: host,
    n: first,
    d: domain.join("."),
    i: "0",
    I: "",
    "%": "%",
  };
  const name = pattern.replace(/%([hndiI%])/g, (_, key: string) => values[key] ?? "");
  if (!name.includes("@")) return `worker@${name}`;
  return name.replace(/^(?=@)/, "worker").replace(/@$/, `@${host}`);
}
