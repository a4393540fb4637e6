import { toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { Server } from "../server/index.ts";
import { readTls, type ListenOptions } from "./server-options.ts";

/**
 * Reads the certificate again on SIGHUP, for connections from then on; a bad one leaves the old.
 *
 * Without TLS, SIGHUP keeps its meaning. Returns what ends it.
 */
export function renewOnHangUp(server: Server, options: ListenOptions, logger: Logger): () => void {
  const renew = async (): Promise<void> => {
    try {
      const tls = await readTls(options);
      if (tls) server.setTls(tls);
      logger.info({}, "certificate renewed");
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "certificate not renewed; the old one stays");
    }
  };
  const onHangUp = (): void => void renew();
  if (options.tlsCert !== undefined) process.on("SIGHUP", onHangUp);
  return () => void process.off("SIGHUP", onHangUp);
}
