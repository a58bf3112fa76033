/** What the driver needs to know about the install. */
export interface BubblewrapOptions {
  /** A directory of the gateway's own, mode 0700, that is listed in `forbidden`. Prepared files go here. */
  readonly workDir: string;
  /** Host paths of which no part is ever mounted: the home's state, keys, run and configuration. */
  readonly forbidden: readonly string[];
  /** Where bridge and fetch are: `src/drivers/bubblewrap/inside` or `dist/inside`. */
  readonly insideDir: string;
  /** Home directory of the account, whose credentials are never mounted. */
  readonly userHome: string;
  /** Node executable that runs the scripts inside; the running one unless said. */
  readonly nodePath?: string;
  /** Where `bwrap` and `prlimit` are looked for; the system's directories unless said. */
  readonly programDirs?: readonly string[];
  /** Bytes that runs leave free on a disk they write to, default MIN_FREE_BYTES. */
  readonly minFreeBytes?: number;
  /** False keeps to resource limits per process even where control groups could be used. */
  readonly cgroups?: boolean;
}
