/** Faults as problem documents [RFC 9457]: one table from code to HTTP status. */
import type { FastifyError } from 'fastify';
import { ControlError } from '../base/control-state.ts';
import type { ControlErrorCode } from '../base/control-state.ts';
import { PoolError } from '../../pool/types.ts';
import type { PoolErrorCode } from '../../pool/types.ts';
import { RequestError } from '../request-error.ts';
import { volumeNamePattern, volumeNameRule } from '../targets/names.ts';
import type { RequestErrorCode } from '../request-error.ts';

export const problemType = 'application/problem+json';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
}

type Code = PoolErrorCode | RequestErrorCode | ControlErrorCode | 'unauthorized' | 'internal';

const table: Readonly<Record<Code, readonly [status: number, title: string]>> = {
  invalid: [400, 'The request is not valid'],
  unauthorized: [401, 'A bearer token is needed'],
  'not-found': [404, 'There is no such thing'],
  exists: [409, 'It is there already'],
  'in-use': [409, 'It is in use'],
  locked: [409, 'Another process has it locked'],
  'read-only': [409, 'It takes no writes'],
  full: [507, 'The pool is full'],
  io: [500, 'A disk failed'],
  format: [500, 'Another format'],
  damaged: [500, 'What was stored is damaged'],
  unavailable: [503, 'Not served now'],
  internal: [500, 'Internal error'],
};

export function problem(code: Code, detail: string): Problem {
  const [status, title] = table[code];
  return { type: `urn:storage-scale:problem:${code}`, title, status, detail, code };
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** Fastify's own words start with `body/` or `params/`: say them in the reader's. */
function validationDetail(error: FastifyError): string {
  const first = error.validation?.[0];
  if (first === undefined) return error.message;
  const place = first.instancePath.replaceAll('/', '.').replace(/^\./, '');
  const { additionalProperty, allowedValues, pattern } = first.params;
  if (pattern === volumeNamePattern) return `${place} ${volumeNameRule}`;
  const extra =
    typeof additionalProperty === 'string'
      ? `: ${additionalProperty}`
      : Array.isArray(allowedValues)
        ? `: ${allowedValues.join(', ')}`
        : '';
  const what = `${first.message ?? 'is not valid'}${extra}`;
  return place === '' ? `${error.validationContext ?? 'request'} ${what}` : `${place} ${what}`;
}

/** Null: a bug, which the caller must not hide. */
export function problemOf(error: unknown): Problem | null {
  if (
    error instanceof PoolError ||
    error instanceof RequestError ||
    error instanceof ControlError
  ) {
    return problem(error.code, error.message);
  }
  if (!isFastifyError(error)) return null;
  const status = error.statusCode ?? 500;
  if (status >= 500) return null;
  const { title, type } = problem('invalid', '');
  return { type, title, status, detail: validationDetail(error), code: 'invalid' };
}
