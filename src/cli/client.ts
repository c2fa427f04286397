/** The REST API as the commands see it. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
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
    const { status, text } = await this.#ask(method, path, body);
    const json = parseJson(text);
    if (status >= 200 && status < 300) return json as T;
    const { detail, title } = (json ?? {}) as ProblemFields;
    const words = [detail, title].find((one) => typeof one === 'string' && one !== '');
    const message = typeof words === 'string' ? words : `the API answered ${status}`;
    throw new CliError(Exit.failed, message);
  }

  async #ask(method: Method, path: string, body?: object): Promise<Answer> {
    const content = body === undefined ? null : JSON.stringify(body);
    const headers = { ...this.#headers };
    if (content !== null) headers['content-type'] = 'application/json';
    try {
      return await ask(new URL(`${this.#url}/api/v1${path}`), { method, headers, content });
    } catch (error) {
      const reason = error instanceof Error ? reasonOf(error) : String(error);
      throw new CliError(
        Exit.failed,
        `no member answers at ${this.#url} (${reason}); start one with 'scale serve', or name it with --api`,
      );
    }
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Not `fetch`, which gives up on an answer that takes five minutes, as one that waits for space may. */
function ask(
  url: URL,
  { method, headers, content }: { method: Method; headers: object; content: string | null },
): Promise<Answer> {
  const request = (url.protocol === 'https:' ? https : http).request;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    sent.on('error', reject);
    sent.end(content ?? undefined);
  });
}

/** Several addresses of a host fail as one error without words of its own. */
const reasonOf = (error: Error): string => {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first.message : error.message;
};

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
