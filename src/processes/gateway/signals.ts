import type { Logger } from '../../kernel/index.ts';

interface SignalActions {
  stop(reason: string, restart: boolean): Promise<void>;
  /** Never rejects. */
  reload(author: string): Promise<void>;
  readonly logger: Logger;
}

/** TERM and INT drain and end; a second INT ends at once; HUP reads the configuration anew. */
export function handleSignals({ stop, reload, logger }: SignalActions): void {
  let interrupts = 0;
  process.on('SIGTERM', () => void stop('SIGTERM', false));
  process.on('SIGINT', () => {
    interrupts += 1;
    if (interrupts > 1) process.exit(130);
    process.stderr.write('\nLetting running turns finish; press Ctrl-C again to end at once.\n');
    void stop('SIGINT', false);
  });
  process.on('SIGHUP', () => {
    void reload('signal');
  });
  process.on('unhandledRejection', (cause) => {
    logger.error('a failure was not handled', {
      cause: cause instanceof Error ? cause.stack : String(cause),
    });
  });
}
