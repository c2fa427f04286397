/** What the commands share: global flags, the client made of them, and sizes as flags. */
import type { Argv } from 'yargs';
import { parseSize } from '../base/units.ts';
import { ApiClient } from './client.ts';
import { CliError, Exit } from './exit.ts';

export interface Globals {
  readonly api: string | undefined;
  readonly tokenFile: string | undefined;
  readonly json: boolean;
}

export type Cli = Argv<Globals>;

const defaultUrl = 'http://127.0.0.1:8260';

export function clientOf({ api, tokenFile }: Globals): ApiClient {
  const { SCALE_API, SCALE_API_TOKEN_FILE } = process.env;
  return new ApiClient({
    url: api ?? SCALE_API ?? defaultUrl,
    tokenFile: tokenFile ?? SCALE_API_TOKEN_FILE ?? null,
  });
}

export function bytesOf(text: string, flag: string): number {
  const bytes = parseSize(text);
  if (bytes !== null) return bytes;
  const message = `${flag}: '${text}' is not a size below 8P; sizes look like 10G, 512M, 4K or plain bytes`;
  throw new CliError(Exit.usage, message);
}

/** Option of what shows something that can be deleted. */
export const exact = {
  type: 'boolean',
  default: false,
  describe: 'Count what its deletion frees; that takes a while',
} as const;

/** A name as part of a path. Dots alone would be taken for a way up, and lead elsewhere. */
export function segment(name: string): string {
  if (!/^\.{0,2}$/.test(name)) return encodeURIComponent(name);
  throw new CliError(Exit.failed, `'${name}' is no name; the list commands show those there are`);
}

/** Only what was given: absent flags are absent fields. */
export function given(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
