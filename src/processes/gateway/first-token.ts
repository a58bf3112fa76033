import type { AuthService } from '../../controls/auth/types.ts';

/** The first operator's token, made when the install has never had one; shown once and kept as a digest only. */
export async function firstToken(auth: AuthService): Promise<string | undefined> {
  if ((await auth.listTokens()).length > 0) return undefined;
  const { token } = await auth.issueToken({
    name: 'first-operator',
    scopes: ['operator.admin'],
    agents: ['*'],
    owner: 'whoever started this install',
    ticket: 'first start',
  });
  return token;
}
