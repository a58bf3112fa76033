import { CATALOGUE } from '../../src/configuration/openclaw-home/catalogue.ts';
import { page, table } from './markdown.ts';

/** A finding of ours in the third column: `listen.exposed` or `HOME_LINK`; anything else is a rule that leaves nothing to report. */
const FINDING = /^(`|[a-z]+\.[a-z]+(-[a-z]+)*\b|[A-Z]+_[A-Z_]+)/;

function classes(): readonly (readonly string[])[] {
  const names = [...new Set(CATALOGUE.map(({ id }) => id.split('.')[0] ?? ''))];
  return names.map((name) => {
    const ids = CATALOGUE.filter(({ id }) => id.split('.')[0] === name);
    const found = ids.filter(({ here }) => FINDING.test(here)).length;
    const reported = ids.filter(({ there }) => there === 'reported').length;
    return [name, ids.length, reported, ids.length - found, found].map(String);
  });
}

/** docs/reference/openclaw-checks.md */
export function openclawChecksPage(): string {
  const reported = CATALOGUE.filter(({ there }) => there === 'reported').length;
  return page([
    '# Checks of OpenClaw, and what stands against each here',
    `OpenClaw 2026.9 documents ${CATALOGUE.length} ids of its own security audit. \`gatehouse security audit --home DIR\` reports ${reported} of them on an OpenClaw home, under the same ids; the rest say why not. On a Gatehouse home the third column holds: a rule that makes it impossible, or the finding that reports it. \`<p>\` stands for a channel, provider or plugin.`,
    '## By class',
    table(
      [
        'class',
        'ids',
        'reported on an OpenClaw home',
        'impossible or absent in Gatehouse',
        'reported by a finding of Gatehouse',
      ],
      classes(),
    ),
    '## Each id',
    table(
      ['check of OpenClaw', 'on an OpenClaw home', 'in Gatehouse', 'requirements'],
      CATALOGUE.map(({ id, there, here, requirements }) => [
        `\`${id}\``,
        there,
        here,
        requirements.join(', '),
      ]),
    ),
  ]);
}
