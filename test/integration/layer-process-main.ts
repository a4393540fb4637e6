import { Socket } from "node:net";

import { joinSharedMemory, openLayer } from "tidings/layers";

/** A process with a layer that does what its parent says; see `layer-process.ts`. */
interface Command {
  readonly id: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly message: { readonly type: string; readonly [key: string]: unknown };
}

joinSharedMemory(new Socket({ fd: 4 }));
const layer = openLayer("memory:?capacity=10");
const heard: object[] = [];

process.on("message", (command: Command) => {
  void run(command)
    .then((value) => ({ value }))
    .catch((error: Error & { readonly code?: string }) => ({ error: error.code ?? error.message }))
    .then((answer) => process.send?.({ id: command.id, ...answer }));
});

async function run({ name, args, message }: Command): Promise<unknown> {
  const [first = "", second = ""] = args;
  switch (name) {
    case "newChannel":
      return await layer.newChannel();
    case "member": {
      const channel = await layer.newChannel();
      layer.listen(channel, (event) => heard.push(event) > 0);
      await layer.groupAdd(first, channel);
      return channel;
    }
    case "groupSend":
      return await layer.groupSend(first, message);
    case "flood":
      for (let n = 0; n < Number(second); n++) await layer.groupSend(first, { ...message, n });
      return undefined;
    case "send":
      return await layer.send(first, message);
    case "receive":
      return await layer.receive(first);
    case "heard":
      return heard;
    case "objects":
      return new Set(heard).size;
    case "incidents":
      return layer.incidents;
    default:
      throw new Error(`unknown command ${name}`);
  }
}
