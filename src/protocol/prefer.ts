/** Reads the seconds of `Prefer: wait=25` (RFC 7240 §4.3); `undefined` without it. */
export function parseWait(header: string | null): number | undefined {
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?\s*(?:$|[,;])/i.exec(header ?? "");
  return match ? Number(match[1]) : undefined;
}
