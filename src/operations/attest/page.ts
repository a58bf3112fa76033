import type { Attestation } from '../../controls/trace/index.ts';

/** The page without its look: HTML and PDF are made from the same rows, so that they cannot say different things. */
export interface AttestationPage {
  readonly title: string;
  readonly subtitle: string;
  readonly verdict: { readonly holds: boolean; readonly text: string };
  readonly tables: readonly {
    readonly title: string;
    readonly columns: readonly string[];
    /** Relative widths of the columns. */
    readonly widths: readonly number[];
    readonly rows: readonly (readonly string[])[];
    /** Index of the column that says whether the row holds; its words are `yes` and `no`. */
    readonly verdictColumn?: number;
  }[];
  readonly foot: readonly string[];
}

/** Rows of a list that one page has room for; the signed JSON has all of them. */
const MAX_ROWS = 9;

function bounded(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  if (rows.length <= MAX_ROWS) return rows;
  const left = rows.length - (MAX_ROWS - 1);
  const width = rows[0]?.length ?? 1;
  return [
    ...rows.slice(0, MAX_ROWS - 1),
    [`and ${left} more in the signed file`, ...Array.from({ length: width - 1 }, () => '')],
  ];
}

function yesNo(holds: boolean): string {
  return holds ? 'yes' : 'no';
}

function frameworkRows({ controls }: Attestation): readonly (readonly string[])[] {
  const names = [...new Set(controls.map(({ framework }) => framework))];
  return names.map((framework) => {
    const own = controls.filter((control) => control.framework === framework);
    const open = own.filter(({ holds }) => !holds).map(({ control }) => control);
    const held = own.length - open.length;
    return [
      framework,
      `${held} of ${own.length}: ${own.map(({ control }) => control).join(', ')}`,
      open.join(', ') || '-',
      yesNo(open.length === 0),
    ];
  });
}

/** What one page says of an attestation and of the key that signed it. */
export function attestationPage(attestation: Attestation, keyId: string): AttestationPage {
  const { install, at, by, renewal, posture, checks, owners, grants, ledger, digests, controls } =
    attestation;
  const failing = posture.filter(({ holds }) => !holds).map(({ area }) => area);
  const unmet = checks.filter(({ passed }) => !passed).map(({ name }) => name);
  const open = [...failing, ...unmet];
  const short = (digest: string) => digest.replace(/^sha256:/, '').slice(0, 16);
  return {
    title: `Posture of ${install.name}`,
    subtitle: `Gatehouse ${install.version} on Node ${install.node}, measured ${at.replace('T', ' ').slice(0, 19)} UTC for ${by}`,
    verdict: {
      holds: open.length === 0,
      text:
        open.length === 0
          ? `Everything below was measured to hold. Renew by ${renewal ?? 'choice'}.`
          : `Not everything holds: ${open.join(', ')}.`,
    },
    tables: [
      {
        title: 'What is required, and what was measured',
        columns: ['Area', 'Required', 'Measured', 'Repeat it with', 'Renew', 'Holds'],
        widths: [11, 23, 32, 18, 10, 6],
        rows: posture.map((line) => [
          line.area,
          line.required,
          line.measured,
          line.evidence,
          line.renewal ?? '-',
          yesNo(line.holds),
        ]),
        verdictColumn: 5,
      },
      {
        title: 'Last looks and attempts',
        columns: ['What', 'When (UTC)', 'Result', 'Passed'],
        widths: [18, 20, 54, 8],
        rows: checks.map(({ name, at: when, result, passed }) => [
          name,
          when?.replace('T', ' ').slice(0, 16) ?? 'never',
          result,
          yesNo(passed),
        ]),
        verdictColumn: 3,
      },
      {
        title: 'Who answers for what',
        columns: ['What', 'Owner', 'Review or end'],
        widths: [40, 40, 20],
        rows: bounded(owners.map(({ what, owner, review }) => [what, owner, review ?? '-'])),
      },
      ...(grants.length === 0
        ? []
        : [
            {
              title: 'Widened for a time',
              columns: ['Grant', 'What', 'Owner', 'Ticket', 'Until'],
              widths: [16, 44, 14, 12, 14],
              rows: bounded(
                grants.map(({ id, what, owner, ticket, expires }) => [
                  id,
                  what,
                  owner,
                  ticket,
                  expires.slice(0, 16),
                ]),
              ),
            },
          ]),
      ...(controls.length === 0
        ? []
        : [
            {
              title: 'Frameworks',
              columns: ['Framework', 'Controls that the areas answer', 'Open', 'Holds'],
              widths: [14, 60, 18, 8],
              rows: frameworkRows(attestation),
              verdictColumn: 3,
            },
          ]),
    ],
    foot: [
      `Ledger: ${ledger.records} records under ${ledger.checkpoints} signatures, ends at ${ledger.head}`,
      `Digests: ${Object.entries(digests)
        .map(([name, digest]) => `${name} ${digest.length > 30 ? short(digest) : digest}`)
        .join(', ')}`,
      `Signed with key ${keyId}: the signature is in the JSON of this page (gatehouse attest > posture.json). Anybody checks that without the install: gatehouse attest verify posture.json --key ledger.pub`,
    ],
  };
}
