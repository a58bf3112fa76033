import { hostname } from 'node:os';
import { Type } from 'typebox';
import { ATTESTATION_TYPE } from '../../controls/trace/index.ts';
import { defineOperation } from '../define.ts';
import { name, strict } from '../schema.ts';
import { FRAMEWORKS } from './frameworks.ts';
import { gatherAttestation } from './gather.ts';
import type { AttestationPage } from './page.ts';

export const attestCreate = defineOperation({
  id: 'attest.create',
  summary: 'Measure the install and sign one page of what holds, who answers for it, and until when',
  description:
    'Owners, the posture matrix, the last doctor, drills and drift, grants, digests and the end of the ledger, signed by the key of the install (DSSE). `attest verify FILE --key ledger.pub` checks it on a machine without the install.',
  input: strict({
    name: Type.Optional(name('What to call the install on the page; the host name when absent.')),
    frameworks: Type.Optional(
      Type.Array(Type.Enum([...FRAMEWORKS]), {
        description: 'Frameworks whose controls are mapped to what was measured; all when absent.',
        maxItems: FRAMEWORKS.length,
      }),
    ),
    format: Type.Optional(
      Type.Enum(['json', 'html', 'pdf'], { description: 'How `text` is written; json when absent.' }),
    ),
  }),
  output: strict({
    holds: Type.Boolean({ description: 'Whether every area and every look holds.' }),
    keyId: Type.String(),
    envelope: strict({
      payloadType: Type.String(),
      payload: Type.String(),
      signatures: Type.Array(strict({ keyid: Type.String(), sig: Type.String() })),
    }),
    text: Type.String({ description: 'The document in the format asked for; base64 when it is PDF.' }),
  }),
  scope: 'operator.admin',
  effect: 'change',
  errors: ['EGRESS_UNAVAILABLE', 'DRIFT_BASELINE_INVALID'],
  cli: {
    command: 'attest',
    examples: [
      'gatehouse attest --format html > posture.html',
      'gatehouse attest --format pdf > posture.pdf',
      'gatehouse attest --frameworks soc2,iso27001 --format json > posture.json',
    ],
    offline: false,
  },
  async run({ caller, services }, { name: given, frameworks = FRAMEWORKS, format = 'json' }) {
    const by = caller.principal.name;
    const document = await gatherAttestation(services, { by, name: given ?? hostname(), frameworks });
    const envelope = await services.evidence.seal(ATTESTATION_TYPE, document);
    const keyId = envelope.signatures[0]?.keyid ?? '';
    const { attestationPage } = await import('./page.ts');
    const page = attestationPage(document, keyId);
    const text = await written(format, { envelope, page });
    return { holds: page.verdict.holds, keyId, envelope, text };
  },
});

async function written(
  format: 'json' | 'html' | 'pdf',
  { envelope, page }: { readonly envelope: object; readonly page: AttestationPage },
): Promise<string> {
  switch (format) {
    case 'json':
      return `${JSON.stringify(envelope, null, 2)}\n`;
    case 'html':
      return (await import('./html.ts')).attestationHtml(page);
    case 'pdf':
      return Buffer.from((await import('./pdf.ts')).attestationPdf(page)).toString('base64');
  }
}
