import { openRedis } from "../../src/redis/index.ts";
import { freePort } from "../free-port.ts";
import { eventually } from "./eventually.ts";
import { RedisServer } from "./redis-server.ts";

const SLOTS = 16_384;
const MASTERS = 3;
/** A busy machine must not make a node look dead. */
const NODE_TIMEOUT_MS = "2000";
const OPTIONS = [
  "--cluster-enabled",
  "yes",
  "--cluster-node-timeout",
  NODE_TIMEOUT_MS,
  "--save",
  "",
];

/** A real cluster of three masters, the first of which has a replica. */
export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly url: string;

  private constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes;
    this.url = `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  }

  static async start(): Promise<RedisCluster> {
    const nodes: RedisServer[] = [];
    // One after another: two that look for a free port at once may find the same.
    while (nodes.length <= MASTERS) nodes.push(await startNode());
    const cluster = new RedisCluster(nodes);
    try {
      await cluster.#join();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  /** Runs a command on one node, whatever the cluster thinks of it. */
  async on(node: RedisServer, ...args: string[]): Promise<string> {
    await using redis = openRedis(node.url);
    return String(await redis.command(args));
  }

  /** Begins to move a slot to another master; `finish` makes the other its holder. */
  async move(slot: number): Promise<SlotMove> {
    const index = Math.floor((slot * MASTERS) / SLOTS);
    const from = this.nodes[index];
    const to = this.nodes[(index + 1) % MASTERS];
    if (!from || !to) throw new Error("no such slot");
    const [fromId, toId] = [
      await this.on(from, "CLUSTER", "MYID"),
      await this.on(to, "CLUSTER", "MYID"),
    ];
    await this.on(to, "CLUSTER", "SETSLOT", String(slot), "IMPORTING", fromId);
    await this.on(from, "CLUSTER", "SETSLOT", String(slot), "MIGRATING", toId);
    const finish = async (): Promise<void> => {
      await this.on(to, "CLUSTER", "SETSLOT", String(slot), "NODE", toId);
      await this.on(from, "CLUSTER", "SETSLOT", String(slot), "NODE", toId);
    };
    return { from, to, finish };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }

  async #join(): Promise<void> {
    const [first, ...others] = this.nodes;
    const replica = this.nodes[MASTERS];
    if (!first || !replica) throw new Error("a cluster needs nodes");
    for (const [index, node] of this.nodes.slice(0, MASTERS).entries()) {
      const from = Math.floor((index * SLOTS) / MASTERS);
      const to = Math.floor(((index + 1) * SLOTS) / MASTERS) - 1;
      await this.on(node, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
    }
    for (const node of others) {
      const bus = (await this.on(node, "CONFIG", "GET", "cluster-port")).split(",")[1] ?? "";
      await this.on(first, "CLUSTER", "MEET", "127.0.0.1", String(node.port), bus);
    }
    const id = await this.on(first, "CLUSTER", "MYID");
    await eventually(async () => (await this.on(replica, "CLUSTER", "NODES")).includes(id));
    await this.on(replica, "CLUSTER", "REPLICATE", id);
    for (const node of this.nodes) {
      await eventually(async () => {
        const known = await this.on(node, "CLUSTER", "INFO");
        return known.includes("cluster_state:ok") && known.includes("cluster_known_nodes:4");
      });
    }
    await eventually(async () =>
      (await this.on(replica, "INFO", "replication")).includes("master_link_status:up"),
    );
  }
}

async function startNode(): Promise<RedisServer> {
  return await RedisServer.start([...OPTIONS, "--cluster-port", String(await freePort())]);
}

interface SlotMove {
  readonly from: RedisServer;
  readonly to: RedisServer;
  readonly finish: () => Promise<void>;
}
