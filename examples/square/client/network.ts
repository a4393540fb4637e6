/** The page's network, in the page's hands. */
export interface Network {
  /** Whether WebSockets are refused, as some proxies do. */
  isWithoutWebSockets: boolean;
  /** Breaks every connection, lets nothing through for a while, and then says so as a browser does. */
  cut(ms: number, onBack: () => void): Promise<void>;
}

/** Takes over the ways out of the page that the client uses: `fetch` and `WebSocket`. */
export function takeOverNetwork(): Network {
  const sockets = new Set<WebSocket>();
  const fetchOutside = globalThis.fetch.bind(globalThis);
  let connections = new AbortController();
  let isCut = false;

  globalThis.fetch = async (input, init) => {
    if (isCut) throw new TypeError("the network is cut");
    const own = init?.signal ? [init.signal] : [];
    const signal = AbortSignal.any([connections.signal, ...own]);
    return await fetchOutside(input, { ...init, signal });
  };

  globalThis.WebSocket = class extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      if (isCut || network.isWithoutWebSockets) setTimeout(() => breakOff(this));
      sockets.add(this);
      this.addEventListener("close", () => sockets.delete(this));
    }
  };

  const network: Network = {
    isWithoutWebSockets: false,
    async cut(ms, onBack) {
      isCut = true;
      connections.abort(new TypeError("the network is cut"));
      for (const socket of sockets) breakOff(socket);
      await new Promise((resolve) => setTimeout(resolve, ms));
      connections = new AbortController();
      isCut = false;
      onBack();
      dispatchEvent(new Event("online"));
    },
  };
  return network;
}

/** What a socket tells when its connection is gone without a word. */
function breakOff(socket: WebSocket): void {
  socket.dispatchEvent(new CloseEvent("close", { code: 1006 }));
}
