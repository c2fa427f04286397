import type { Surface } from './surface.ts';
import { apiSurface } from './surfaces/api.ts';
import { codecsSurface } from './surfaces/codecs.ts';
import { connectionSurface } from './surfaces/connection.ts';
import { controlRecordsSurface } from './surfaces/control-records.ts';
import { copiesSurface } from './surfaces/copies.ts';
import { diskRecordsSurface } from './surfaces/disk-records.ts';
import { journalSurface } from './surfaces/journal.ts';
import { scsiSurface } from './surfaces/scsi.ts';
import { socketSurface } from './surfaces/socket.ts';
import { textSurface } from './surfaces/text.ts';

export const surfaces: readonly Surface[] = [
  connectionSurface,
  scsiSurface,
  socketSurface,
  copiesSurface,
  textSurface,
  journalSurface,
  diskRecordsSurface,
  controlRecordsSurface,
  codecsSurface,
  apiSurface,
];
