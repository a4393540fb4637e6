import { median, type Figure } from "./figure.ts";

/** What a peer's figure has to reach; a peer without a floor is there for information. */
export type Floors = Readonly<Record<string, number>>;

/** One of those that are compared, and what its rounds have measured. */
export interface Measured {
  readonly name: string;
  readonly values: readonly number[];
  readonly note?: string | undefined;
}

/** How values of ours and of peers become figures. */
export interface Comparison {
  readonly name: string;
  /** Ours first. */
  readonly measured: readonly Measured[];
  readonly floors?: Floors | undefined;
  /** Less is better: the ratio is the peer's value to ours. @default false */
  readonly isCost?: boolean | undefined;
}

/** Lets everybody have a round, then again; each time another one begins. One list for each side. */
export async function inTurns<TSide, TResult>(
  sides: readonly TSide[],
  rounds: number,
  measure: (side: TSide) => Promise<TResult>,
): Promise<readonly (readonly TResult[])[]> {
  const results = sides.map((): TResult[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const index = (round + turn) % sides.length;
      const side = sides[index];
      if (side !== undefined) results[index]?.push(await measure(side));
    }
  }
  return results;
}

/** Makes one figure for each peer: medians, and the median of the rounds' ratios. */
export function compare({ name, measured, floors = {}, isCost = false }: Comparison): Figure[] {
  const [ours, ...peers] = measured;
  if (!ours) throw new Error("expected ours first");
  return peers.map((peer) => {
    const ratios = ours.values.map((value, round) => {
      const other = peer.values[round] ?? Number.NaN;
      return isCost ? other / value : value / other;
    });
    const ratio = median(ratios);
    const floor = floors[peer.name];
    return {
      name: `${name}, beside ${toLabel(peer.name)}`,
      ours: median(ours.values),
      peer: median(peer.values),
      ratio,
      floor,
      isMet: floor === undefined || ratio >= floor,
      note: toNote(ours, peer),
    };
  });
}

function toNote(ours: Measured, peer: Measured): string | undefined {
  if (ours.note === undefined || peer.note === undefined) return undefined;
  return `ours ${ours.note}, peer ${peer.note}`;
}

const LABELS: Readonly<Record<string, string>> = {
  tidings: "Tidings",
  "socket.io": "Socket.IO",
  channels: "Channels",
  websocket: "our WebSockets",
  bullmq: "BullMQ",
  celery: "Celery",
};

function toLabel(name: string): string {
  return LABELS[name] ?? name;
}
