/** What a feed can be answered with over HTTP; where a client does not mind, the first. */
export const MEDIA_TYPES = [
  "application/json",
  "text/event-stream",
  "application/x-ndjson",
] as const;

/** One of {@link MEDIA_TYPES}. */
export type MediaType = (typeof MEDIA_TYPES)[number];

/** How much one of our types is wanted, and how closely it was named. */
interface Wish {
  readonly mediaType: MediaType;
  readonly quality: number;
  /** 3 for the type itself, 2 for a whole kind as in `text/*`, 1 for anything. */
  readonly specificity: number;
  /** Where in the header it was named. */
  readonly place: number;
}

/**
 * Chooses by an `Accept` header what to answer with; `undefined` when nothing fits.
 *
 * The highest quality wins, then what is named more closely, then what is named first. Without the
 * header, and for "anything", JSON. Parameters other than `q` are ignored, and so is a range that is
 * malformed.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 */
export function chooseMediaType(header: string | null): MediaType | undefined {
  if (header === null || header.trim() === "") return MEDIA_TYPES[0];
  const named = MEDIA_TYPES.find((mediaType) => mediaType === header);
  if (named) return named;
  const ranges = header.split(",").map(parseRange);
  let best: Wish | undefined;
  for (const mediaType of MEDIA_TYPES) {
    const wish = findWish(mediaType, ranges);
    if (wish && wish.quality > 0 && (!best || isBefore(wish, best))) best = wish;
  }
  return best?.mediaType;
}

interface Range {
  readonly kind: string;
  readonly subtype: string;
  readonly quality: number;
}

const RANGE = /^\s*([\w!#$%&'*+.^`|~-]+)\/([\w!#$%&'*+.^`|~-]+)\s*(?:;|$)/;
/** "0" or "1", with up to three digits after the point. */
const QUALITY = /;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)/i;
const ANY_QUALITY = /;\s*q\s*=/i;

function parseRange(text: string): Range | undefined {
  const [, kind, subtype] = RANGE.exec(text) ?? [];
  const quality = QUALITY.exec(text)?.[1];
  if (kind === undefined || subtype === undefined) return undefined;
  if (quality === undefined && ANY_QUALITY.test(text)) return undefined;
  return {
    kind: kind.toLowerCase(),
    subtype: subtype.toLowerCase(),
    quality: quality === undefined ? 1 : Number(quality),
  };
}

/** "The most specific reference has precedence" (RFC 9110 §12.5.1). */
function findWish(mediaType: MediaType, ranges: readonly (Range | undefined)[]): Wish | undefined {
  let found: Wish | undefined;
  for (const [place, range] of ranges.entries()) {
    const specificity = range ? specificityOf(range, mediaType) : 0;
    if (!range || specificity <= (found?.specificity ?? 0)) continue;
    found = { mediaType, quality: range.quality, specificity, place };
  }
  return found;
}

function specificityOf({ kind, subtype }: Range, mediaType: MediaType): number {
  const [ourKind, ourSubtype] = mediaType.split("/");
  if (kind === ourKind && subtype === ourSubtype) return 3;
  if (kind === ourKind && subtype === "*") return 2;
  return kind === "*" && subtype === "*" ? 1 : 0;
}

function isBefore(one: Wish, other: Wish): boolean {
  if (one.quality !== other.quality) return one.quality > other.quality;
  if (one.specificity !== other.specificity) return one.specificity > other.specificity;
  return one.place < other.place;
}
