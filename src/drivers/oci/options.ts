/** A container engine with a command line of Docker's shape. */
export type EngineName = 'podman' | 'docker';

/** What the driver needs to know about the install. */
export interface OciOptions {
  readonly engine: EngineName;
  /** A directory of the gateway's own, mode 0700, that is listed in `forbidden`. Prepared files go here. */
  readonly workDir: string;
  /** Host paths of which no part is ever mounted: the home's state, keys, run and configuration. */
  readonly forbidden: readonly string[];
  /** Where bridge and fetch are: `src/drivers/bubblewrap/inside` or `dist/inside`. */
  readonly insideDir: string;
  /** Home directory of the account, whose credentials are never mounted. */
  readonly userHome: string;
  /** Which image runs get that name none, or this one; undefined when it is not pinned. Asked again for each container, so that a new one counts at once. */
  readonly image: (wanted?: string) => PinnedImage | undefined;
  /** What the engine's own program may know: PATH, HOME and where its socket is. */
  readonly env: Readonly<Record<string, string>>;
  /** The account that files in a workspace belong to; that of this process unless said. */
  readonly account?: { readonly uid: number; readonly gid: number };
  /** The engine's program; looked for in the system's directories unless said. */
  readonly program?: string;
  readonly nodePath?: string;
  readonly programDirs?: readonly string[];
  /** Bytes that runs leave free on a disk they write to, default MIN_FREE_BYTES. */
  readonly minFreeBytes?: number;
  /** Idle containers that are kept ready, and how long; `false` keeps none. */
  readonly warm?: { readonly containers: number; readonly idleMs: number } | false;
}

/** An image by its content: a name may mean something else tomorrow. */
export interface PinnedImage {
  /** What people call it. */
  readonly name: string;
  /** `sha256:` and 64 hexadecimal digits: the image's id, or its digest in a registry. */
  readonly id: string;
}
