import type { ProgramRow } from './program-row.ts';

/**
 * Programs whose operands name the files they change, so that a playbook's file rules hold for them as they do
 * for the file tools. Options that name a file or change which operand is the target are left out on purpose.
 */
export const WRITING: readonly ProgramRow[] = [
  {
    names: ['cp', 'gcp'],
    source: 'cp(1), GNU coreutils 9; -t, -T and --parents are left out',
    kind: 'writes',
    options: {
      flags: 'adfiHlLnpPRrsuvx',
      longFlags: ['archive', 'force', 'interactive', 'no-clobber', 'recursive', 'update', 'verbose'],
    },
    written: 'target',
  },
  {
    names: ['mv', 'gmv'],
    source: 'mv(1), GNU coreutils 9; -t and -T are left out',
    kind: 'writes',
    options: { flags: 'finuv', longFlags: ['force', 'interactive', 'no-clobber', 'update', 'verbose'] },
    written: 'move',
  },
  {
    names: ['mkdir', 'mkfifo'],
    source: 'mkdir(1), mkfifo(1), GNU coreutils 9',
    kind: 'writes',
    options: { flags: 'pv', values: 'm', longFlags: ['parents', 'verbose'], longValues: ['mode'] },
    written: 'all',
  },
  {
    names: ['rm', 'rmdir', 'unlink', 'shred'],
    source: 'rm(1), rmdir(1), unlink(1), shred(1), GNU coreutils 9',
    kind: 'writes',
    options: {
      flags: 'dfiIpRruvz',
      longFlags: ['dir', 'force', 'parents', 'preserve-root', 'recursive', 'verbose', 'zero'],
    },
    written: 'all',
  },
  {
    names: ['touch', 'truncate'],
    source: 'touch(1), truncate(1), GNU coreutils 9',
    kind: 'writes',
    options: {
      flags: 'acfhmo',
      values: 'drst',
      longFlags: ['no-create', 'no-dereference'],
      longValues: ['date', 'reference', 'size', 'time'],
    },
    written: 'all',
  },
  {
    names: ['tee'],
    source: 'tee(1), GNU coreutils 9',
    kind: 'writes',
    options: { flags: 'aip', longFlags: ['append', 'ignore-interrupts'] },
    written: 'all',
  },
  {
    names: ['chmod', 'chown', 'chgrp'],
    source: 'chmod(1), chown(1), GNU coreutils 9; --reference and modes that look like options are left out',
    kind: 'writes',
    options: { flags: 'cfRv', longFlags: ['changes', 'quiet', 'recursive', 'silent', 'verbose'] },
    written: 'after-first',
  },
  {
    names: ['uniq', 'guniq'],
    source: 'uniq(1), GNU coreutils 9: the second operand is the file it writes',
    kind: 'writes',
    options: {
      flags: 'cdDiuz',
      values: 'fsw',
      longFlags: ['count', 'repeated', 'all-repeated', 'ignore-case', 'unique', 'zero-terminated'],
      longValues: ['skip-fields', 'skip-chars', 'check-chars'],
    },
    written: 'second',
  },
];
