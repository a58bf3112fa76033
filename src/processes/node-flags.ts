/**
 * How Node runs the gateway and egress: both mostly wait for sockets, so the young generation is kept small and the
 * top optimising tier, whose code alone is 5 MB of resident memory per process, is left out. `npm run bench` shows
 * what this is worth.
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-semi-space-size=1',
  '--optimize-for-size',
  '--no-turbofan',
  // Without it any process of this account opens a debug port with one signal (L10).
  '--disable-sigusr1',
];

/** One malloc arena: the heap does not fragment into one per thread (glibc, mallopt(3)). */
export const MALLOC_ENVIRONMENT: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' };
