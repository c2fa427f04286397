/** The REST API as the commands see it. */
import { readFileSync } from 'node:fs';
import { CliError, Exit } from './exit.ts';

export interface ClientOptions {
  readonly url: string;
  readonly tokenFile: string | null;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface ProblemFields {
  readonly detail?: unknown;
  readonly title?: unknown;
}

export class ApiClient {
  readonly #url: string;
  readonly #headers: Record<string, string> = {};

  constructor({ url, tokenFile }: ClientOptions) {
    this.#url = url.replace(/\/+$/, '');
    if (!URL.canParse(this.#url) || !/^https?:/.test(this.#url)) {
      throw new CliError(Exit.usage, `--api: '${url}' is not a URL like http://127.0.0.1:8260`);
    }
    if (tokenFile !== null) {
      this.#headers['authorization'] = `Bearer ${readSecret(tokenFile, '--token-file')}`;
    }
  }

  get<T>(path: string): Promise<T> {
    return this.send<T>('GET', path);
  }

  /** The answer's JSON; null when there is none. Throws CliError with what the problem says. */
  async send<T>(method: Method, path: string, body?: object): Promise<T> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    const json = parseJson(text);
    if (response.ok) return json as T;
    const { detail, title } = (json ?? {}) as ProblemFields;
    const words = [detail, title].find((one) => typeof one === 'string' && one !== '');
    const message = typeof words === 'string' ? words : `the API answered ${response.status}`;
    throw new CliError(Exit.failed, message);
  }

  async #fetch(method: Method, path: string, body?: object): Promise<Response> {
    const headers = { ...this.#headers };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    try {
      return await fetch(`${this.#url}/api/v1${path}`, { method, headers, ...content });
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CliError(
        Exit.failed,
        `no member answers at ${this.#url} (${reason}); start one with 'scale serve', or name it with --api`,
      );
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** A secret's file, without the newline that editors put at its end. */
export function readSecret(path: string, flag: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CliError(Exit.failed, `${flag}: cannot read the file: ${reason}`);
  }
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new CliError(Exit.failed, `${flag}: ${path} is empty`);
  return secret;
}
