/**
 * JSON schemas of the REST API: each is the check of what comes in, the serialiser of what goes out
 * and the OpenAPI document. Bytes are integers, times ISO 8601.
 */
import { volumeNamePattern } from '../targets/names.ts';

type Schema = Record<string, unknown>;

const text = { type: 'string' } as const;
const integer = { type: 'integer' } as const;
const number = { type: 'number' } as const;
const flag = { type: 'boolean' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const nullableText = { type: ['string', 'null'] } as const;

/** An object of exactly these fields. */
function object(properties: Schema, required: readonly string[] = Object.keys(properties)): Schema {
  return { type: 'object', additionalProperties: false, required, properties };
}

/** What lists say of each, and where it is asked for what its deletion frees. */
const deletable = (properties: Schema): Schema =>
  object({ ...properties, freeableBytes: integer }, Object.keys(properties));

const arrayOf = (items: Schema): Schema => ({ type: 'array', items });

export const volumeName = { type: 'string', pattern: volumeNamePattern } as const;
/** The pool says what is wrong with one. */
const sizeBytes = { type: 'integer', description: '1 MiB to 4 PiB, of whole blocks' } as const;
const dedup = { enum: ['pre-ack', 'on-ack', 'post-ack', 'post-process', 'off'] } as const;
/** The pool says which there are, and which levels. */
const compression = { type: 'string', maxLength: 32 } as const;
const durability = { enum: ['flush', 'sync'] } as const;

export const volume = deletable({
  name: text,
  id: integer,
  sizeBytes: integer,
  usedBytes: integer,
  uniqueBytes: integer,
  dedup: text,
  compression: text,
  chunkSizeBytes: integer,
  blockSizeBytes: integer,
  durability: text,
  readOnly: flag,
  removable: flag,
  ejected: flag,
  target: nullableText,
  lun: { type: ['integer', 'null'] },
  iscsiUrl: nullableText,
  naa: text,
  snapshots: integer,
  createdAt: text,
  state: text,
});

export const volumes = arrayOf(volume);

export const reservations = object({
  state: text,
  generation: integer,
  survivesPowerLoss: flag,
  reservation: { ...object({ type: text, key: text }), type: ['object', 'null'] },
  reservedBy: nullableText,
  registrations: arrayOf(
    object({
      initiator: text,
      isid: text,
      target: text,
      portalGroupTag: integer,
      key: text,
      holder: flag,
    }),
  ),
});

export const snapshot = deletable({
  name: text,
  id: integer,
  volume: text,
  createdAt: text,
  sizeBytes: integer,
  usedBytes: integer,
  uniqueBytes: integer,
  clones: integer,
  state: text,
});

export const snapshots = arrayOf(snapshot);

/** VOLUME@SNAPSHOT; the pool says what is wrong with one. */
export const snapshotName = { type: 'string', maxLength: 255 } as const;

export const snapshotCreation = object({
  names: { ...arrayOf(snapshotName), minItems: 1, maxItems: 256 },
});

export const rollback = object({ force: flag, deleteLater: flag }, []);

export const cloneCreation = object({ snapshot: snapshotName, name: volumeName, export: flag }, [
  'snapshot',
  'name',
]);

export const volumeCreation = object(
  {
    name: volumeName,
    sizeBytes,
    dedup,
    compression,
    chunkSizeBytes: { type: 'integer', description: 'A power of two, 4 KiB to 1 MiB' },
    blockSizeBytes: { enum: [512, 4096] },
    durability,
    readOnly: flag,
    removable: flag,
    export: flag,
  },
  ['name', 'sizeBytes'],
);

export const ejection = { ...object({ force: flag }, []), type: ['object', 'null'] };

export const volumeResize = object({ sizeBytes, shrink: flag }, ['sizeBytes']);

export const volumeChanges = {
  ...object({ dedup, compression, durability, readOnly: flag }, []),
  minProperties: 1,
};

/** Query flags come as text. */
export const queryFlag = { enum: ['true', 'false'] } as const;
export const query = (properties: Schema): Schema => object(properties, []);
export const queryCount = { type: 'string', pattern: '^[0-9]{1,15}$' } as const;

export const target = object({
  iqn: text,
  open: flag,
  allowed: arrayOf(text),
  chap: { ...object({ user: text, mutualUser: nullableText }), type: ['object', 'null'] },
  luns: arrayOf(object({ lun: integer, volume: text })),
  redirect: nullableText,
  sessions: integer,
  state: text,
});

export const targets = arrayOf(target);

const hostPort = { type: 'string', pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\s\\[\\]]+):[0-9]{1,5}$' };

export const targetCreation = object({ iqn: text, redirect: hostPort }, ['iqn']);
export const lunMapping = object({ volume: snapshotName, lun: count }, ['volume']);
export const openness = object({ open: flag });
export const chapSetting = object(
  { user: text, secret: text, mutualUser: text, mutualSecret: text },
  ['user', 'secret'],
);

export const session = object({
  initiator: text,
  target: text,
  portal: text,
  peer: text,
  isid: text,
  tsih: integer,
  since: text,
  luns: arrayOf(integer),
});

export const sessions = arrayOf(session);

export const disks = arrayOf(
  object({
    id: text,
    path: text,
    class: text,
    state: text,
    capacityBytes: integer,
    usedBytes: integer,
    errors: integer,
  }),
);

const jobProgress = {
  startedAt: nullableText,
  finishedAt: nullableText,
  bytesDone: integer,
  bytesTotal: integer,
  rate: integer,
};

const scrubProgress = {
  state: { enum: ['never', 'running', 'finished', 'stopped', 'interrupted', 'failed'] },
  ...jobProgress,
  problems: integer,
};

const scrubFinding = object(
  {
    kind: { enum: ['chunk', 'journal', 'page', 'state', 'header', 'directory', 'lost'] },
    message: text,
    segment: integer,
    offset: integer,
    position: integer,
    chunk: integer,
    key: integer,
    owners: arrayOf(object({ volume: text, chunkNumber: integer })),
  },
  ['kind', 'message', 'owners'],
);

/** What a scrub found; references are counted again by `scale check` only. */
export const scrubReport = object({
  ...scrubProgress,
  rateLimit: integer,
  findings: arrayOf(scrubFinding),
  volumes: arrayOf(
    object({ volume: text, chunks: integer, damagedChunks: integer, offsets: arrayOf(integer) }),
  ),
});

export const scrubOptions = object({ rateLimit: { type: 'integer', minimum: 1 } }, []);

const volumeJob = {
  state: { enum: ['never', 'running', 'finished', 'stopped', 'failed'] },
  ...jobProgress,
  rateLimit: integer,
};

export const rewriteReport = object({
  volume: text,
  ...volumeJob,
  compression: text,
  all: flag,
  recodedChunks: integer,
  unreadableChunks: integer,
  skippedChunks: integer,
});

export const rewriteOptions = object({ rateLimit: { type: 'integer', minimum: 1 }, all: flag }, []);

export const dedupReport = object({
  volume: nullableText,
  ...volumeJob,
  examinedChunks: integer,
  waitingChunks: integer,
  comparedBytes: integer,
  joinedChunks: integer,
  joinedBytes: integer,
  joinRate: integer,
  mismatches: integer,
  unreadableChunks: integer,
  secondsLeft: { type: ['integer', 'null'] },
});

export const dedupOptions = object({ rateLimit: { type: 'integer', minimum: 1 } }, []);

const dedupSettings = {
  rateLimit: { type: 'integer', minimum: 1 },
  quietBelow: { type: 'number', minimum: 0 },
  loadShare: { type: 'number', minimum: 0, maximum: 1 },
} as const;

export const dedupChanges = { ...object(dedupSettings, []), minProperties: 1 };

export const dedupStatus = object({
  ...dedupSettings,
  unprocessedBytes: integer,
  last: dedupReport,
});

export const poolStatus = object({
  uuid: text,
  health: text,
  capacityBytes: integer,
  usedBytes: integer,
  freeBytes: integer,
  storedBytes: integer,
  parityBytes: integer,
  metadataBytes: integer,
  journalBytes: integer,
  deadBytes: integer,
  reserveBytes: integer,
  logicalBytes: integer,
  uniqueBytes: integer,
  dedupRatio: number,
  compressionRatio: number,
  counters: { type: 'object', additionalProperties: number },
  scrub: object(scrubProgress),
});

export const events = arrayOf({
  type: 'object',
  additionalProperties: true,
  required: ['seq', 'time', 'severity', 'type', 'message'],
  properties: { seq: integer, time: text, severity: text, type: text, message: text },
});

export const readiness = object({ ready: flag, state: text });

export const problem = {
  description: 'A problem document [RFC 9457]',
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: { type: text, title: text, status: integer, detail: text, code: text },
};
