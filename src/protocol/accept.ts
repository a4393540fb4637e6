export const MEDIA_TYPES = ["application/json", "text/event-stream", "application/x-ndjson"] as const;
export type MediaType = (typeof MEDIA_TYPES)[number];
export function chooseMediaType(header: string | null): MediaType | undefined {
  if (header === null) return "application/json";
  for (const m of ["text/event-stream", "application/x-ndjson", "application/json"] as const) if (header.includes(m)) return m;
  return header.includes("*/*") ? "application/json" : undefined;
}
