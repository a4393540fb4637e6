import { Listeners, type ListenersOptions } from "./listeners.ts";

/** What the process with the listeners is told, of one crowd of several. */
export type ListenersOrder =
  | { readonly kind: "open"; readonly crowd: number; readonly options: ListenersOptions }
  | {
      readonly kind: "run";
      readonly crowd: number;
      readonly messages: number;
      readonly window: number;
    };

/** Holds every listener; answers with milliseconds. */
const crowds = new Map<number, Listeners>();

process.once("disconnect", () => process.exit());
process.on("message", (order: ListenersOrder) => {
  void obey(order).then((ms) => process.send?.(ms));
});

async function obey(order: ListenersOrder): Promise<number> {
  if (order.kind === "run") {
    return (await crowds.get(order.crowd)?.run(order.messages, order.window)) ?? Number.NaN;
  }
  const listeners = new Listeners(order.options);
  crowds.set(order.crowd, listeners);
  await listeners.open();
  return 0;
}
