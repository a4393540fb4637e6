import pretty, { type PrettyStream } from "pino-pretty";

/** Readable lines: the time, the level, the message, then its fields. */
export function pinoPretty(): PrettyStream {
  return pretty({
    colorize: !process.env["NO_COLOR"],
    sync: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname,service",
    singleLine: true,
  });
}
