import { InvalidArgumentError, Option } from "commander";

import { LOG_LEVELS } from "./logger.ts";

/** Parses a whole number between two bounds, for the command line. */
export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** Parses seconds, for the command line. */
export function seconds(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number of seconds.");
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON, for programs");
}

export function waitOption(): Option {
  return new Option(
    "--wait [seconds]",
    "wait for it to end, for ever or so long, and print what it returned",
  ).argParser(seconds);
}

export function timeoutOption(): Option {
  return new Option("-t, --timeout <seconds>", "how long to wait for workers to answer")
    .default(1)
    .argParser(seconds);
}

export function portOption(): Option {
  return new Option("-p, --port <port>", "port to listen on; 0 takes a free one")
    .env("PORT")
    .default(8000)
    .argParser(integer(0, 65_535));
}

export function hostOption(): Option {
  return new Option("--host <address>", "address to listen on")
    .env("HOST_ADDRESS")
    .default("127.0.0.1");
}

export function concurrencyOption(): Option {
  return new Option("-c, --concurrency <count>", "tasks that run at the same time")
    .default(10)
    .argParser(integer(1, 1_000));
}

export function queuesOption(
  description = "queues to work for, separated by commas (default: those of the tasks)",
): Option {
  return new Option("-Q, --queues <names>", description).argParser(names);
}

/** Parses names that are separated by commas, for the command line. */
export function names(text: string): readonly string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.every(Boolean)) return list;
  throw new InvalidArgumentError("Expected names separated by commas.");
}

export function logLevelOption(): Option {
  return new Option("-l, --log-level <level>", "what to log")
    .env("LOG_LEVEL")
    .choices(LOG_LEVELS)
    .default("info");
}

export function stopTimeoutOption(): Option {
  return new Option(
    "--stop-timeout <seconds>",
    "how long work in progress may take to finish on a stop",
  )
    .default(10)
    .argParser(integer(0, 3_600));
}
