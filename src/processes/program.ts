/** What bin/gatehouse.mjs hands to every process. */
export interface Program {
  /** Folder of the package. */
  readonly root: string;
  /** bin/gatehouse.mjs itself, to start further processes with. */
  readonly entry: string;
  readonly version: string;
}
