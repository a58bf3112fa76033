/** One thing that a repair changes. None of them gives anybody more than before. */
export type RepairStep =
  /** Take rights of others away from a file or folder. */
  | { readonly kind: 'mode'; readonly path: string; readonly from: number; readonly to: number }
  | { readonly kind: 'folder'; readonly path: string }
  /** A socket that no process listens on. */
  | { readonly kind: 'socket'; readonly path: string }
  /** Something that a crash left; kept under `cache/repairs` until it is purged. */
  | { readonly kind: 'leftover'; readonly path: string }
  /** Decrypted or kept leftovers whose time is over. */
  | { readonly kind: 'purge'; readonly path: string }
  /** A setting that has one safe value; null takes it away. */
  | { readonly kind: 'setting'; readonly path: string; readonly from: unknown; readonly to: unknown };

export type StepStatus = 'planned' | 'done' | 'failed' | 'undone' | 'kept';

export interface DoneStep {
  readonly step: RepairStep;
  readonly status: StepStatus;
  /** Why it failed, or why it stays as it is when the repair is undone. */
  readonly note: string;
}

/** What was found, before or after: findings by id and number, and the snapshot of the configuration. */
export interface RepairPicture {
  readonly findings: Readonly<Record<string, number>>;
  readonly snapshot: number;
}

export type RepairStatus = 'running' | 'done' | 'partly' | 'cut-off' | 'undone';

export interface RepairRecord {
  readonly number: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly author: string;
  readonly reason: string;
  readonly status: RepairStatus;
  readonly steps: readonly DoneStep[];
  readonly before: RepairPicture;
  readonly after: RepairPicture | null;
}

/** An entry of the home as it lies on the disk. */
export interface HomeEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'socket' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  /** Unix milliseconds. */
  readonly changedAt: number;
}

/** The home as measured. */
export interface HomeFacts {
  readonly uid: number;
  readonly home: string;
  /** Folders that a home has. */
  readonly folders: readonly string[];
  readonly missing: readonly string[];
  readonly entries: readonly HomeEntry[];
  /** More entries than were looked at. */
  readonly truncated: boolean;
  /** Paths of Unix sockets that some process has bound. */
  readonly bound: ReadonlySet<string>;
  /** Bytes; null where it cannot be measured. */
  readonly disk: { readonly free: number; readonly total: number } | null;
  /** Grants of the configuration that have ended, by their place in the list. */
  readonly grants: { readonly all: readonly unknown[]; readonly ended: readonly string[] };
  /** Time of the newest record of the ledger; null for an empty one. Unix milliseconds. */
  readonly newestRecord: number | null;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What carries out steps on this machine. */
export interface RepairTools {
  measure(): Promise<HomeFacts>;
  picture(): Promise<RepairPicture>;
  /** @param keep folder for what is moved away. Returns a note. */
  apply(step: RepairStep, keep: string): Promise<string>;
  /** Returns why it stays as it is; empty when it was undone. */
  undo(step: RepairStep, keep: string): Promise<string>;
  /** Whether a step that a killed process had begun was done. */
  isDone(step: RepairStep): boolean;
}
